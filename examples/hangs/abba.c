/* Two CPUs take two locks in opposite orders. Right: in the same order. */
#define CTXRACE_SMP 1
#include "locks.h"

static int a, b;

void one(void)
{
	lock(&a);
	lock(&b);
	unlock(&b);
	unlock(&a);
}

void two(void)
{
#ifdef RIGHT
	lock(&a);
	lock(&b);
	unlock(&b);
	unlock(&a);
#else
	lock(&b);
	lock(&a);
	unlock(&a);
	unlock(&b);
#endif
}

CTXRACE_TASKS(1, one);
CTXRACE_TASKS(1, two);
CTXRACE_CPUS(2);
