// A recursion counter as one would write it at first: is it safe when two tasks preempt each other?
#include <ctxrace/kernel.h>

DEFINE_PER_CPU(int, active);

static noinline void body(void)
{
	barrier();
}

void attempt(void)
{
	if (__this_cpu_inc_return(active) == 1)
		body();
	__this_cpu_dec(active);
}
CTXRACE_TASKS(2, attempt);
CTXRACE_NMI(attempt);
CTXRACE_EXCLUSIVE(body);
CTXRACE_BALANCED(active);
