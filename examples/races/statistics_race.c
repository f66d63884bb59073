// SPDX-License-Identifier: Apache-2.0
/*
 * The bytes that a CPU has queued: senders add, and take off what is sent. A plain addition is a load, an addition and a
 * store. A sender that another one preempts between them stores an old number.
 */
#include <linux/percpu.h>

static DEFINE_PER_CPU(unsigned long, queued);

#ifdef WRONG
# define account(bytes) __this_cpu_add(queued, bytes)
#else
# define account(bytes) this_cpu_add(queued, bytes)
#endif

void xmit(void)
{
	account(2);
	account(-2);
}

CTXRACE_TASKS(2, xmit);
CTXRACE_SOFTIRQ(xmit);
CTXRACE_BALANCED(queued);
