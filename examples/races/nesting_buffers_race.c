// SPDX-License-Identifier: Apache-2.0
/*
 * Per-CPU buffers for callers that nest: a task has the first one, and what interrupts it the next. The level says
 * which are taken, so callers must give back in the opposite order. Interrupts do, and tasks that preempt one another do
 * not: a task that takes level 2 can still have it when the task at level 1 is done, and takes level 2 as well.
 */
#include <linux/bug.h>
#include <linux/percpu.h>
#include <linux/preempt.h>

#define MAX_NEST 3

struct buffer {
	int in_use;
};

static DEFINE_PER_CPU(struct buffer, buffers[MAX_NEST]);
static DEFINE_PER_CPU(int, nest_level);

static void use_buffer(struct buffer *buffer)
{
	WARN_ON(READ_ONCE(buffer->in_use));
	WRITE_ONCE(buffer->in_use, 1);
	WRITE_ONCE(buffer->in_use, 0);
}

void format(void)
{
	int level;

#ifndef WRONG
	preempt_disable();
#endif
	level = this_cpu_inc_return(nest_level);
	if (level <= MAX_NEST)
		use_buffer(this_cpu_ptr(&buffers[level - 1]));
	this_cpu_dec(nest_level);
#ifndef WRONG
	preempt_enable();
#endif
}

CTXRACE_TASKS(2, format);
CTXRACE_NMI(format);
CTXRACE_BALANCED(nest_level);
