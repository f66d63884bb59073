/* Interrupts off are no help against an NMI. Right: the NMI only tries, and goes without. */
#include "locks.h"

static int word;

void task(void)
{
	unsigned long flags = lock_irqsave(&word);

	unlock_irqrestore(&word, flags);
}

void handler(void)
{
#ifdef RIGHT
	if (xchg(&word, 1))
		return;
	release(&word);
#else
	acquire(&word);
	release(&word);
#endif
}

CTXRACE_TASKS(1, task);
CTXRACE_NMI(handler);
