/* A hardirq spins until the task that it has interrupted is done. Right: it leaves a note, and the task looks. */
#include "locks.h"

static int busy, missed;

void task(void)
{
	WRITE_ONCE(busy, 1);
	WRITE_ONCE(missed, 0);
	WRITE_ONCE(busy, 0);
}

void handler(void)
{
#ifdef RIGHT
	if (READ_ONCE(busy))
		WRITE_ONCE(missed, 1);
#else
	while (READ_ONCE(busy))
		cpu_relax();
#endif
}

CTXRACE_TASKS(1, task);
CTXRACE_HARDIRQ(handler);
