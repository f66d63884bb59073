/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What irq_work, timers, tasklets and work items have in common: a function that another context runs later. A
 * scenario says which context that is by one line for each, at file scope, with any expression that is it in that
 * context: CTXRACE_IRQ_WORK(wakeup_work); a hardirq (linux/irq_work.h) CTXRACE_TIMER(*this_cpu_ptr(&poll_timer)); a
 * softirq (linux/timer.h) CTXRACE_TASKLET(rx_tasklet); a softirq (linux/interrupt.h) CTXRACE_WORK(cleanup_work); a
 * task (linux/workqueue.h) Where a file queues one and has no such line, the linker says that it is missing:
 * no_context_runs_it_see_CTXRACE_TIMER.
 */
#ifndef CTXRACE_CTXRACE_DEFERRED_H
#define CTXRACE_CTXRACE_DEFERRED_H

#include <ctxrace/scenario.h>

#define CTXRACE_DEFERRED(kind, context, run, expression)		\
	__weak const char no_context_runs_it_see_##kind;		\
	CTXRACE_DEFERRED_(CTXRACE_UNIQUE(ctxrace_##kind##_), context, run, expression)
#define CTXRACE_DEFERRED_(name, context, run, expression)		\
	CTXRACE_DEFERRED__(name, context, run, expression)
#define CTXRACE_DEFERRED__(name, context, run, expression)		\
	static void name(void)						\
	{								\
		run(&(expression));					\
	}								\
	context(name)

/* Named where one is queued, so that the linker misses it. */
#define CTXRACE_HAS_A_CONTEXT(kind) barrier_data(&no_context_runs_it_see_##kind)

#endif
