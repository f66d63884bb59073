/* An error path returns with the lock held. Right: it gives it back first. */
#include "locks.h"

static int word, broken;

void task(void)
{
	acquire(&word);
	if (READ_ONCE(broken)) {
#ifdef RIGHT
		release(&word);
#endif
		return;
	}
	release(&word);
}

void handler(void)
{
	WRITE_ONCE(broken, 1);
}

CTXRACE_TASKS(1, task);
CTXRACE_HARDIRQ(handler);
