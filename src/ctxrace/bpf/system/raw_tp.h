/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A tracepoint that one or two programs are attached to, without a trampoline: the caller of each program uses the
 * guard inline. Stands for Linux v6.20 kernel/trace/bpf_trace.c, __bpf_trace_run().
 */
#include "trampoline.h"

#define BPF_PROGRAM(name)	noinline u64 name(u64 *ctx) { barrier_data(ctx); ledger_settles(); return 0; }

DEFINE_BPF_PROG(prog, stats, active);
BPF_PROGRAM(body)
#if BPF_RAW_TP > 1
DEFINE_BPF_PROG(prog2, stats2, active2);
BPF_PROGRAM(body2)
#endif

static __always_inline void __bpf_trace_run(struct bpf_prog *prog, u64 (*bpf_func)(u64 *ctx), u64 *args)
{
	struct bpf_trace_run_ctx run_ctx = { .bpf_cookie = 0 };
	struct bpf_run_ctx *before;

	ledger_owes();
	rcu_read_lock_dont_migrate();
	if (likely(bpf_prog_get_recursion_context(prog))) {
		before = bpf_set_run_ctx(&run_ctx.run_ctx);
		bpf_func(args);
		bpf_reset_run_ctx(before);
	} else {
		bpf_prog_inc_misses_counter(prog);
		ledger_settles();
#ifdef BPF_SKIP_EXIT
		rcu_read_unlock_migrate();
		return;
#endif
	}
	bpf_prog_put_recursion_context(prog);
	rcu_read_unlock_migrate();
}

/* The tracepoint: it calls its probes one after another. */
void attempt(void)
{
	u64 args[1] = { 0 };

	__bpf_trace_run((struct bpf_prog *)&prog, body, args);
#if BPF_RAW_TP > 1
	__bpf_trace_run((struct bpf_prog *)&prog2, body2, args);
#endif
}

#include "scenario.h"
