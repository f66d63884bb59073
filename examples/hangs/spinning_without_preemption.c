/* Where only cond_resched() lets other tasks run, a task waits for another one without it. */
#include "locks.h"

static int ready;

void producer(void)
{
	WRITE_ONCE(ready, 1);
}

void consumer(void)
{
	while (!READ_ONCE(ready)) {
#ifdef RIGHT
		cond_resched();
#else
		cpu_relax();
#endif
	}
	WRITE_ONCE(ready, 0);
}

CTXRACE_TASKS(1, producer);
CTXRACE_TASKS(1, consumer);
CTXRACE_PREEMPTION(none);
