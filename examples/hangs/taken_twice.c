/* A function that takes a lock is called with the lock held. Right: it is called without. */
#include "locks.h"

static int word, shared;

static noinline void add(void)
{
	lock(&word);
	WRITE_ONCE(shared, READ_ONCE(shared) ^ 1);
	unlock(&word);
}

void task(void)
{
#ifdef RIGHT
	add();
	add();
#else
	lock(&word);
	add();
	unlock(&word);
#endif
}

CTXRACE_TASKS(1, task);
