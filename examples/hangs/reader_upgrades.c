/* Two readers want to become the writer, and each waits for the other to leave. Right: only one may wait for that. */
#define CTXRACE_SMP 1
#include "locks.h"

static atomic_t readers;
static int upgrading;

void task(void)
{
	preempt_disable();
	atomic_inc(&readers);
#ifdef RIGHT
	if (!xchg(&upgrading, 1)) {
		while (atomic_read(&readers) != 1)
			cpu_relax();
		WRITE_ONCE(upgrading, 0);
	}
#else
	while (atomic_read(&readers) != 1)
		cpu_relax();
#endif
	atomic_dec(&readers);
	preempt_enable();
}

CTXRACE_TASKS(2, task);
CTXRACE_CPUS(2);
