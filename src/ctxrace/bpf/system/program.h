/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A BPF program and what it has for each CPU. Stands for struct bpf_prog (Linux v6.20 include/linux/bpf.h), struct
 * bpf_prog_stats (include/linux/filter.h) and their allocation (kernel/bpf/core.c, bpf_prog_alloc_no_stats()).
 *
 * Only the fields that enter and exit look at are here. The program itself is constant: bpf_prog_lock_ro() makes it
 * read-only once it is loaded, so that nobody can see when prog->active is read.
 */
#ifndef CTXRACE_BPF_PROGRAM_H
#define CTXRACE_BPF_PROGRAM_H

/* On arm64 statistics are counted by a CPU with LSE, unless the guard's file says that it has none. */
#ifndef CTXRACE_LSE
# define CTXRACE_LSE 1
#endif
#include <ctxrace/kernel.h>

#define BPF_NR_CONTEXTS	4	/* task, softirq, hardirq, NMI */

struct bpf_prog_stats {
	unsigned long cnt;	/* times run, and how long, while statistics are on */
	unsigned long nsecs;
	unsigned long misses;	/* runs refused; user space knows it as recursion_misses */
};

struct bpf_prog {
	struct bpf_prog_stats __percpu	*stats;
	u8 __percpu			*active;	/* of the type and alignment that the guard's file says */
};

/* Define one program with its memory: stats and active for each CPU. */
#define DEFINE_BPF_PROG(name, its_stats, its_active)						\
	DEFINE_PER_CPU(struct bpf_prog_stats, its_stats);					\
	DEFINE_PER_CPU(BPF_ACTIVE_TYPE, its_active) __aligned(BPF_ACTIVE_ALIGN);		\
	const struct bpf_prog name = { .stats = &its_stats, .active = (u8 *)&its_active }

/*
 * They only count up, so that with them there would be no end of states; nothing that is checked hangs on them.
 * BPF_COUNT keeps them: bound the attempts then (CTXRACE_ATTEMPTS, or --attempts).
 */
#ifndef BPF_COUNT
# define BPF_STATISTIC(its_stats)	CTXRACE_STATISTIC(its_stats)
#else
# define BPF_STATISTIC(its_stats)	struct ctxrace_nothing
#endif

#endif
