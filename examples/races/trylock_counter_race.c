// SPDX-License-Identifier: Apache-2.0
/*
 * A per-CPU flag that is tried, and not waited for: an NMI that finds it taken goes without. To look at the flag and to
 * take it are two steps, and another task can run between them.
 */
#include <linux/percpu.h>
#include <linux/compiler.h>

static DEFINE_PER_CPU(int, busy);
static DEFINE_PER_CPU(int, updates);

noinline void update(void)
{
	barrier();
}

void account(void)
{
#ifdef WRONG
	if (this_cpu_read(busy))
		return;
	this_cpu_write(busy, 1);
#else
	if (this_cpu_cmpxchg(busy, 0, 1))
		return;
#endif
	update();
	this_cpu_inc(updates);
	this_cpu_write(busy, 0);
}

CTXRACE_TASKS(2, account);
CTXRACE_NMI(account);
CTXRACE_STATISTIC(updates);
CTXRACE_EXCLUSIVE(update);
CTXRACE_BALANCED(busy);
