/* trace_recursion: a function traced while its tracer runs calls the tracer at most once more. */
#include <linux/ftrace.h>

extern struct ftrace_ops *ftrace_ops_list, ftrace_list_end;
noinline void traced(void) { barrier(); }
static void tracer(unsigned long ip, unsigned long parent, struct ftrace_ops *op, struct ftrace_regs *regs)
{
	traced();
}
static struct ftrace_ops ops = { .func = tracer, .next = &ftrace_list_end, .func_hash = &ops.local_hash };
void ctxrace_setup(void) { ftrace_ops_list = &ops; }
void attempt(void) { arch_ftrace_ops_list_func(0x1000, 0x2000, 0, 0); }
CTXRACE_TASKS(2, attempt);
CTXRACE_EXCLUSIVE(traced); CTXRACE_PROGRESS(attempt, traced);
