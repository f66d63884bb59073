/* The condition is tested before the task says that it sleeps, and the one wakeup comes in between. Right: after. */
#include "locks.h"

static int ready, sleeping;

void waiter(void)
{
#ifdef RIGHT
	WRITE_ONCE(sleeping, 1);
	if (READ_ONCE(ready))
		WRITE_ONCE(sleeping, 0);
#else
	if (!READ_ONCE(ready))
		WRITE_ONCE(sleeping, 1);
#endif
	while (READ_ONCE(sleeping))
		schedule();
}

void handler(void)
{
	WRITE_ONCE(ready, 1);
	WRITE_ONCE(sleeping, 0);
}

CTXRACE_TASKS(1, waiter);
CTXRACE_HARDIRQ(handler);
CTXRACE_ATTEMPTS(1);
