/* SPDX-License-Identifier: Apache-2.0 */
/* The guard by itself: enter, the program and exit in one function, which every context runs, each on its own CPU. */

DEFINE_BPF_PROG(prog, stats, active);

static noinline void body(void)
{
	barrier();
}

void attempt(void)
{
	migrate_disable();
	if (bpf_prog_get_recursion_context((struct bpf_prog *)&prog))
		body();
#ifdef BPF_SKIP_EXIT
	else
		goto out;
#endif
	bpf_prog_put_recursion_context((struct bpf_prog *)&prog);
#ifdef BPF_SKIP_EXIT
out:
#endif
	migrate_enable();
}

CTXRACE_TASKS(2, attempt);
CTXRACE_SOFTIRQ(attempt);
CTXRACE_HARDIRQ(attempt);
CTXRACE_NMI(attempt);
CTXRACE_EXCLUSIVE(body);
CTXRACE_BALANCED(active);
CTXRACE_RECOVERS(attempt, body);
CTXRACE_PROGRESS(attempt, body);
