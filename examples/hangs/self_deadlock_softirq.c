/* The same with a softirq. Right: bottom halves are off while a task holds the lock. */
#include "locks.h"

static int word;

void task(void)
{
#ifdef RIGHT
	local_bh_disable();
#endif
	lock(&word);
	unlock(&word);
#ifdef RIGHT
	local_bh_enable();
#endif
}

void handler(void)
{
	lock(&word);
	unlock(&word);
}

CTXRACE_TASKS(2, task);
CTXRACE_SOFTIRQ(handler);
