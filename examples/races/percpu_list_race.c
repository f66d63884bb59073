// SPDX-License-Identifier: Apache-2.0
/*
 * A per-CPU list that a task and a hardirq add to. preempt_disable() keeps other tasks away, and no interrupt: one that
 * adds its own element between two stores of list_add_tail() loses it.
 */
#include <linux/bug.h>
#include <linux/irqflags.h>
#include <linux/list.h>
#include <linux/percpu.h>
#include <linux/preempt.h>

static DEFINE_PER_CPU(struct list_head, queue);
static struct list_head from_task, from_irq;

void ctxrace_setup(void)
{
	INIT_LIST_HEAD(this_cpu_ptr(&queue));
	INIT_LIST_HEAD(&from_task);
	INIT_LIST_HEAD(&from_irq);
}

static void drain(struct list_head *list)
{
	unsigned long flags;

	local_irq_save(flags);
	while (!list_empty(list))
		list_del_init(list->next);
	/* Whatever was added is drained. */
	WARN_ON(!list_empty(&from_irq));
	local_irq_restore(flags);
}

void task(void)
{
	unsigned long flags __maybe_unused;

#ifdef WRONG
	preempt_disable();
	list_add_tail(&from_task, this_cpu_ptr(&queue));
	preempt_enable();
#else
	local_irq_save(flags);
	list_add_tail(&from_task, this_cpu_ptr(&queue));
	local_irq_restore(flags);
#endif
	drain(this_cpu_ptr(&queue));
}

void handler(void)
{
	if (list_empty(&from_irq))
		list_add_tail(&from_irq, this_cpu_ptr(&queue));
}

CTXRACE_TASKS(1, task);
CTXRACE_HARDIRQ(handler);
CTXRACE_BALANCED(from_task);
