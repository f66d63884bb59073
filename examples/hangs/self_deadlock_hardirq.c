/* A task holds a lock, and a hardirq on the same CPU wants it. Right: interrupts are off while a task holds it. */
#include "locks.h"

static int word, shared;

void task(void)
{
#ifdef RIGHT
	unsigned long flags = lock_irqsave(&word);
#else
	lock(&word);
#endif
	WRITE_ONCE(shared, 1);
#ifdef RIGHT
	unlock_irqrestore(&word, flags);
#else
	unlock(&word);
#endif
}

void handler(void)
{
	lock(&word);
	WRITE_ONCE(shared, 2);
	unlock(&word);
}

CTXRACE_TASKS(1, task);
CTXRACE_HARDIRQ(handler);
