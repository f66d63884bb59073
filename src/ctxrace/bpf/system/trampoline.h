/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a trampoline calls before and after a program. Stands for Linux v6.20 kernel/bpf/trampoline.c
 * (__bpf_prog_enter_recur() and its kin), include/linux/bpf.h (struct bpf_tramp_run_ctx, bpf_set_run_ctx(),
 * bpf_prog_inc_misses_counter()) and include/linux/filter.h (bpf_prog_start_time()).
 *
 * Two differences. Statistics are 64 bits wide, where u64_stats_update_begin() is nothing. And recursion_detected is
 * called by its name, not through prog->aux: behind an indirect call all registers would be part of a state.
 */
#ifndef CTXRACE_BPF_TRAMPOLINE_H
#define CTXRACE_BPF_TRAMPOLINE_H

#include "ledger.h"
#include "program.h"
#include "run_ctx.h"

#define NO_START_TIME	1	/* what enter returns when the program may run and statistics are off */

/* An instant is as good as another. It is not 0 and not NO_START_TIME. */
static __always_inline u64 sched_clock(void)
{
	return 2;
}

#ifdef BPF_STATS	/* a static key: code that is patched, and not looked up while it runs */
# define bpf_stats_enabled()	true
#else
# define bpf_stats_enabled()	false
#endif

static __always_inline u64 bpf_prog_start_time(void)
{
	return bpf_stats_enabled() ? sched_clock() : NO_START_TIME;
}

static __always_inline void update_prog_stats(struct bpf_prog *prog, u64 start)
{
	struct bpf_prog_stats *stats;

	/* The switch may have been thrown since enter, which then did not look at the clock. */
	if (!bpf_stats_enabled() || start <= NO_START_TIME)
		return;
	stats = this_cpu_ptr(prog->stats);
	atomic_long_inc((atomic_long_t *)&stats->cnt);
	atomic_long_add((long)(sched_clock() - start), (atomic_long_t *)&stats->nsecs);
}

static __always_inline void bpf_prog_inc_misses_counter(struct bpf_prog *prog)
{
	struct bpf_prog_stats *stats = this_cpu_ptr(prog->stats);

	atomic_long_inc((atomic_long_t *)&stats->misses);
}

#ifdef BPF_NO_MIGRATE_DISABLE
# define BPF_STAYS	false
#else
# define BPF_STAYS	true
#endif

/* Where RCU is not preemptible, the read lock keeps the task on its CPU anyway. */
static __always_inline void rcu_read_lock_dont_migrate(void)
{
	if (BPF_STAYS && CTXRACE_PREEMPT_RCU)
		migrate_disable();
	rcu_read_lock();
}

static __always_inline void rcu_read_unlock_migrate(void)
{
	rcu_read_unlock();
	if (BPF_STAYS && CTXRACE_PREEMPT_RCU)
		migrate_enable();
}

/*
 * A trampoline that skips exit where enter has refused (BPF_SKIP_EXIT) needs an enter that puts back everything, as is
 * usual for what fails; everything but the guard's count, as the review bot read it. BPF_NO_UNDO: not even that.
 */
#if defined(BPF_SKIP_EXIT) && !defined(BPF_NO_UNDO)
# define BPF_ENTER_UNDOES	true
#else
# define BPF_ENTER_UNDOES	false
#endif

/* Returns 0: skip the program; NO_START_TIME: run it; else run it, and that is when it began. */
static __always_inline u64 bpf_prog_enter_checked(struct bpf_prog *prog, struct bpf_tramp_run_ctx *run_ctx)
{
	run_ctx->saved_run_ctx = bpf_set_run_ctx(&run_ctx->run_ctx);
	if (unlikely(!bpf_prog_get_recursion_context(prog))) {
		bpf_prog_inc_misses_counter(prog);
		recursion_detected(prog);
		if (BPF_ENTER_UNDOES)
			bpf_reset_run_ctx(run_ctx->saved_run_ctx);
		return 0;
	}
	return bpf_prog_start_time();
}

static __always_inline void bpf_prog_exit_checked(struct bpf_prog *prog, u64 start, struct bpf_tramp_run_ctx *run_ctx)
{
	bpf_reset_run_ctx(run_ctx->saved_run_ctx);
	update_prog_stats(prog, start);
	bpf_prog_put_recursion_context(prog);
}

noinline u64 __bpf_prog_enter_recur(struct bpf_prog *prog, struct bpf_tramp_run_ctx *run_ctx)
{
	u64 start;

	rcu_read_lock_dont_migrate();
	start = bpf_prog_enter_checked(prog, run_ctx);
	if (BPF_ENTER_UNDOES && !start)
		rcu_read_unlock_migrate();
	return start;
}

noinline void __bpf_prog_exit_recur(struct bpf_prog *prog, u64 start, struct bpf_tramp_run_ctx *run_ctx)
{
	bpf_prog_exit_checked(prog, start, run_ctx);
	rcu_read_unlock_migrate();
}

noinline u64 __bpf_prog_enter_sleepable_recur(struct bpf_prog *prog, struct bpf_tramp_run_ctx *run_ctx)
{
	u64 start;

	rcu_read_lock_trace();
	if (BPF_STAYS)
		migrate_disable();
	might_fault();
	start = bpf_prog_enter_checked(prog, run_ctx);
	if (BPF_ENTER_UNDOES && !start) {
		if (BPF_STAYS)
			migrate_enable();
		rcu_read_unlock_trace();
	}
	return start;
}

noinline void __bpf_prog_exit_sleepable_recur(struct bpf_prog *prog, u64 start, struct bpf_tramp_run_ctx *run_ctx)
{
	bpf_prog_exit_checked(prog, start, run_ctx);
	if (BPF_STAYS)
		migrate_enable();
	rcu_read_unlock_trace();
}

noinline u64 __bpf_prog_enter(struct bpf_prog *prog, struct bpf_tramp_run_ctx *run_ctx)
{
	rcu_read_lock_dont_migrate();
	run_ctx->saved_run_ctx = bpf_set_run_ctx(&run_ctx->run_ctx);
	return bpf_prog_start_time();
}

noinline void __bpf_prog_exit(struct bpf_prog *prog, u64 start, struct bpf_tramp_run_ctx *run_ctx)
{
	bpf_reset_run_ctx(run_ctx->saved_run_ctx);
	update_prog_stats(prog, start);
	rcu_read_unlock_migrate();
}

#endif
