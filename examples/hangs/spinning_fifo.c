/* A real-time task spins on a lock whose holder it has preempted. Right: the holder is not preempted. */
#include "locks.h"

static int word;

void normal(void)
{
#ifdef RIGHT
	lock(&word);
	unlock(&word);
#else
	acquire(&word);
	release(&word);
#endif
}

void urgent(void)
{
	acquire(&word);
	release(&word);
}

CTXRACE_TASKS(1, normal);
CTXRACE_FIFO_TASKS(1, urgent);
