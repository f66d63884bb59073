// The same counter, atomic: this_cpu_inc_return() is one instruction, or a loop that notices who came between.
#include <ctxrace/kernel.h>

DEFINE_PER_CPU(int, active);

static noinline void body(void)
{
	barrier();
}

void attempt(void)
{
	if (this_cpu_inc_return(active) == 1)
		body();
	this_cpu_dec(active);
}
CTXRACE_TASKS(2, attempt);
CTXRACE_NMI(attempt);
CTXRACE_EXCLUSIVE(body);
CTXRACE_BALANCED(active);
