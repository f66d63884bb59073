/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls a kernel's own recursion guard as a BPF trampoline does, around a program that may sleep (SLEEPABLE) or may not.
 * READERS is where the kernel counts readers of the RCU that such programs are under, if it is a per-CPU variable.
 */
#include <linux/bpf.h>

static __section(".data..percpu") int active __aligned(8);
static __section(".data..percpu") struct bpf_prog_stats stats;
static const struct bpf_prog_aux aux;
static const struct bpf_prog prog = { .active = (void *)&active, .stats = &stats, .aux = (void *)&aux };

#ifdef SLEEPABLE
# define ENTER __bpf_prog_enter_sleepable_recur
# define EXIT __bpf_prog_exit_sleepable_recur
#else
# define ENTER __bpf_prog_enter_recur
# define EXIT __bpf_prog_exit_recur
#endif

noinline void body(void)
{
	barrier();
}

void attempt(void)
{
	struct bpf_tramp_run_ctx run_ctx = { .bpf_cookie = 0 };
	u64 start = ENTER((void *)&prog, &run_ctx);

	if (start)
		body();
	EXIT((void *)&prog, start, &run_ctx);
}

CTXRACE_TASKS(2, attempt);
CTXRACE_STATISTIC(stats);
#ifdef READERS
extern char READERS[];
CTXRACE_STATISTIC(READERS);
#endif
CTXRACE_EXCLUSIVE(body);
CTXRACE_BALANCED(active);
CTXRACE_RECOVERS(attempt, body);
CTXRACE_PROGRESS(attempt, body);
