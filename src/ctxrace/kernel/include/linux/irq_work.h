/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/irq_work.h and kernel/irq_work.c: a function that a hardirq runs once it may
 * arrive, on this CPU. CTXRACE_IRQ_WORK(work) declares that (ctxrace/deferred.h). On PREEMPT_RT only those with
 * IRQ_WORK_HARD_IRQ run there, the others in a task.
 */
#ifndef CTXRACE_LINUX_IRQ_WORK_H
#define CTXRACE_LINUX_IRQ_WORK_H

#include <linux/atomic.h>
#include <ctxrace/deferred.h>
#include <ctxrace/sched.h>
#include <linux/compiler.h>

#define IRQ_WORK_PENDING	0x1
#define IRQ_WORK_BUSY		0x2
#define IRQ_WORK_LAZY		0x4
#define IRQ_WORK_HARD_IRQ	0x8
#define IRQ_WORK_CLAIMED	(IRQ_WORK_PENDING | IRQ_WORK_BUSY)

struct irq_work {
	atomic_t flags;
	void (*func)(struct irq_work *work);
};

#define CTXRACE_IRQ_WORK_INIT(function, bits) { .flags = ATOMIC_INIT(bits), .func = (function) }
#define IRQ_WORK_INIT(function)		(struct irq_work)CTXRACE_IRQ_WORK_INIT(function, 0)
#define IRQ_WORK_INIT_LAZY(function)	(struct irq_work)CTXRACE_IRQ_WORK_INIT(function, IRQ_WORK_LAZY)
#define IRQ_WORK_INIT_HARD(function)	(struct irq_work)CTXRACE_IRQ_WORK_INIT(function, IRQ_WORK_HARD_IRQ)
#define DEFINE_IRQ_WORK(name, function)	struct irq_work name = CTXRACE_IRQ_WORK_INIT(function, 0)

extern const char no_context_runs_it_see_CTXRACE_IRQ_WORK;

static __always_inline void init_irq_work(struct irq_work *work, void (*function)(struct irq_work *work))
{
	*work = IRQ_WORK_INIT(function);
}

static __always_inline bool irq_work_is_pending(struct irq_work *work)
{
	return atomic_read(&work->flags) & IRQ_WORK_PENDING;
}

static __always_inline bool irq_work_is_busy(struct irq_work *work)
{
	return atomic_read(&work->flags) & IRQ_WORK_BUSY;
}

static __always_inline bool irq_work_queue(struct irq_work *work)
{
	CTXRACE_HAS_A_CONTEXT(CTXRACE_IRQ_WORK);
	return !(atomic_fetch_or(IRQ_WORK_CLAIMED, &work->flags) & IRQ_WORK_PENDING);
}

static __always_inline void irq_work_sync(struct irq_work *work)
{
	might_sleep();
	while (irq_work_is_busy(work))
		cpu_relax();
}

static __always_inline void ctxrace_run_irq_work(struct irq_work *work)
{
	int flags = atomic_read(&work->flags);

	/* By cmpxchg, as the other CPUs' handlers look at the same work; where one comes between, this comes again. */
	if (!(flags & IRQ_WORK_PENDING) || !atomic_try_cmpxchg(&work->flags, &flags, flags & ~IRQ_WORK_PENDING))
		return;
	flags &= ~IRQ_WORK_PENDING;
	smp_mb();
	work->func(work);
	atomic_cmpxchg(&work->flags, flags, flags & ~IRQ_WORK_BUSY);
}

static __always_inline void ctxrace_run_irq_work_in_hardirq(struct irq_work *work)
{
	if (!CTXRACE_PREEMPT_RT || atomic_read(&work->flags) & IRQ_WORK_HARD_IRQ)
		ctxrace_run_irq_work(work);
}

#if CTXRACE_PREEMPT_RT
static __always_inline void ctxrace_run_irq_work_in_task(struct irq_work *work)
{
	if (!(atomic_read(&work->flags) & IRQ_WORK_HARD_IRQ))
		ctxrace_run_irq_work(work);
}
# define CTXRACE_IRQ_WORK(work)										\
	CTXRACE_DEFERRED(CTXRACE_IRQ_WORK, CTXRACE_HARDIRQ, ctxrace_run_irq_work_in_hardirq, work);	\
	CTXRACE_DEFERRED_(CTXRACE_UNIQUE(ctxrace_irq_work_task_), CTXRACE_ONE_TASK, ctxrace_run_irq_work_in_task, work)
#else
# define CTXRACE_IRQ_WORK(work) \
	CTXRACE_DEFERRED(CTXRACE_IRQ_WORK, CTXRACE_HARDIRQ, ctxrace_run_irq_work_in_hardirq, work)
#endif
#define CTXRACE_ONE_TASK(entry)	CTXRACE_TASKS(1, entry)

#endif
