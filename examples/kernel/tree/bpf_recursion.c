/* BPF's recursion guard around a program that may not sleep, with the headers of the tree in which it was built. */
#include <linux/bpf.h>

u64 __bpf_prog_enter_recur(struct bpf_prog *prog, struct bpf_tramp_run_ctx *run_ctx);
void __bpf_prog_exit_recur(struct bpf_prog *prog, u64 start, struct bpf_tramp_run_ctx *run_ctx);
void bpf_prog_inc_misses_counter(struct bpf_prog *prog) { }
static DEFINE_PER_CPU(int, active) __aligned(8);
static struct bpf_prog_aux aux;
static struct bpf_prog prog = { .active = (void __percpu *)&active, .aux = &aux };
noinline void body(void) { barrier(); }
void attempt(void)
{
	struct bpf_tramp_run_ctx run_ctx = { .bpf_cookie = 0 };
	u64 start = __bpf_prog_enter_recur(&prog, &run_ctx);

	if (start)
		body();
	__bpf_prog_exit_recur(&prog, start, &run_ctx);
}
CTXRACE_TASKS(2, attempt);
CTXRACE_EXCLUSIVE(body); CTXRACE_BALANCED(active); CTXRACE_RECOVERS(attempt, body); CTXRACE_PROGRESS(attempt, body);
