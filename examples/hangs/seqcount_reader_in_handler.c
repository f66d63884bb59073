/* A hardirq reads what a task protects with a sequence count, and waits for an even one. Right: it does not wait. */
#include "locks.h"

static unsigned int sequence;
static int value;

void writer(void)
{
	WRITE_ONCE(sequence, 1);
	WRITE_ONCE(value, 1);
	WRITE_ONCE(sequence, 0);
}

void reader(void)
{
#ifdef RIGHT
	if (READ_ONCE(sequence) & 1)
		return;
#else
	while (READ_ONCE(sequence) & 1)
		cpu_relax();
#endif
	(void)READ_ONCE(value);
}

CTXRACE_TASKS(1, writer);
CTXRACE_HARDIRQ(reader);
