/* A task waits with interrupts off for what only a hardirq of its CPU does. Right: with interrupts on. */
#include "locks.h"

static int done;

void task(void)
{
#ifndef RIGHT
	unsigned long flags;

	local_irq_save(flags);
#endif
	WRITE_ONCE(done, 0);
	while (!READ_ONCE(done))
		cpu_relax();
#ifndef RIGHT
	local_irq_restore(flags);
#endif
}

void handler(void)
{
	WRITE_ONCE(done, 1);
}

CTXRACE_TASKS(1, task);
CTXRACE_HARDIRQ(handler);
