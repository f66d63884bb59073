/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/interrupt.h and kernel/softirq.c: tasklets, and the names that handlers return.
 * Handlers are not registered: a scenario says what a hardirq runs. CTXRACE_TASKLET(tasklet) declares the softirq
 * that runs a tasklet (ctxrace/deferred.h).
 */
#ifndef CTXRACE_LINUX_INTERRUPT_H
#define CTXRACE_LINUX_INTERRUPT_H

#include <linux/atomic.h>
#include <ctxrace/bitops.h>
#include <ctxrace/bottom_half.h>
#include <ctxrace/deferred.h>
#include <linux/compiler.h>
#include <linux/hardirq.h>

typedef enum irqreturn {
	IRQ_NONE = 0,
	IRQ_HANDLED = 1,
	IRQ_WAKE_THREAD = 2,
} irqreturn_t;
#define IRQ_RETVAL(x)	((x) ? IRQ_HANDLED : IRQ_NONE)

enum { TASKLET_STATE_SCHED, TASKLET_STATE_RUN };

struct tasklet_struct {
	unsigned long state;
	atomic_t count;
	void (*callback)(struct tasklet_struct *tasklet);
};

#define DECLARE_TASKLET(name, function)	struct tasklet_struct name = { .callback = (function) }
#define DECLARE_TASKLET_DISABLED(name, function) \
	struct tasklet_struct name = { .count = ATOMIC_INIT(1), .callback = (function) }

extern const char no_context_runs_it_see_CTXRACE_TASKLET;

static __always_inline void tasklet_setup(struct tasklet_struct *tasklet,
					  void (*callback)(struct tasklet_struct *tasklet))
{
	tasklet->state = 0;
	atomic_set(&tasklet->count, 0);
	tasklet->callback = callback;
}

static __always_inline void tasklet_schedule(struct tasklet_struct *tasklet)
{
	CTXRACE_HAS_A_CONTEXT(CTXRACE_TASKLET);
	test_and_set_bit(TASKLET_STATE_SCHED, &tasklet->state);
}
#define tasklet_hi_schedule(tasklet)	tasklet_schedule(tasklet)

static __always_inline void tasklet_disable_nosync(struct tasklet_struct *tasklet)
{
	atomic_inc(&tasklet->count);
	smp_mb__after_atomic();
}

static __always_inline void tasklet_unlock_wait(struct tasklet_struct *tasklet)
{
	might_sleep();
	while (test_bit(TASKLET_STATE_RUN, &tasklet->state))
		(schedule)();
}

static __always_inline void tasklet_disable(struct tasklet_struct *tasklet)
{
	tasklet_disable_nosync(tasklet);
	tasklet_unlock_wait(tasklet);
	smp_mb();
}

static __always_inline void tasklet_enable(struct tasklet_struct *tasklet)
{
	smp_mb__before_atomic();
	atomic_dec(&tasklet->count);
}

static __always_inline void tasklet_kill(struct tasklet_struct *tasklet)
{
	might_sleep();
	while (test_and_set_bit(TASKLET_STATE_SCHED, &tasklet->state))
		(schedule)();
	tasklet_unlock_wait(tasklet);
	clear_bit(TASKLET_STATE_SCHED, &tasklet->state);
}

static __always_inline void ctxrace_run_tasklet(struct tasklet_struct *tasklet)
{
	if (!test_bit(TASKLET_STATE_SCHED, &tasklet->state))
		return;
	if (test_and_set_bit(TASKLET_STATE_RUN, &tasklet->state))
		return;	/* it runs elsewhere: this comes again */
	if (!atomic_read(&tasklet->count)) {
		if (test_and_clear_bit(TASKLET_STATE_SCHED, &tasklet->state))
			tasklet->callback(tasklet);
	}
	clear_bit(TASKLET_STATE_RUN, &tasklet->state);
}
#define CTXRACE_TASKLET(tasklet)	CTXRACE_DEFERRED(CTXRACE_TASKLET, CTXRACE_SOFTIRQ, ctxrace_run_tasklet, tasklet)

#endif
