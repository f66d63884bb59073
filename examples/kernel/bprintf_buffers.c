/* The buffers of bpf_printk(): three nested users have one each, and a fourth is sent away. */
#include <linux/bpf.h>

extern int bpf_bprintf_nest_level;
noinline void body(void) { barrier(); }
void attempt(void)
{
	struct bpf_bprintf_buffers *buffers;

	if (bpf_try_get_buffers(&buffers))
		return;
	body();
	bpf_put_buffers();
}
CTXRACE_TASKS(2, attempt); CTXRACE_HARDIRQ(attempt); CTXRACE_NMI(attempt);
CTXRACE_BALANCED(bpf_bprintf_nest_level); CTXRACE_RECOVERS(attempt, body); CTXRACE_PROGRESS(attempt, body);
