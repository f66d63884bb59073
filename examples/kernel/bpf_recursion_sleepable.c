/* BPF's recursion guard around a program that may sleep, as a trampoline calls it. */
#include <linux/bpf.h>

static __section(".data..percpu") int active __aligned(8);
static __section(".data..percpu") struct bpf_prog_stats stats;
static const struct bpf_prog_aux aux;
static const struct bpf_prog prog = { .active = (void *)&active, .stats = &stats, .aux = (void *)&aux };
noinline void body(void) { barrier(); }
void attempt(void)
{
	struct bpf_tramp_run_ctx run_ctx = { .bpf_cookie = 0 };
	u64 start = __bpf_prog_enter_sleepable_recur((void *)&prog, &run_ctx);

	if (start)
		body();
	__bpf_prog_exit_sleepable_recur((void *)&prog, start, &run_ctx);
}
extern struct srcu_data rcu_tasks_trace_srcu_struct_srcu_data; /* counts readers */
CTXRACE_TASKS(2, attempt); CTXRACE_STATISTIC(stats); CTXRACE_STATISTIC(rcu_tasks_trace_srcu_struct_srcu_data);
CTXRACE_EXCLUSIVE(body); CTXRACE_BALANCED(active); CTXRACE_RECOVERS(attempt, body); CTXRACE_PROGRESS(attempt, body);
