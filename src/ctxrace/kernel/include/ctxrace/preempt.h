/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v6.19 include/linux/preempt.h under CONFIG_PREEMPT_COUNT, without debugging and tracing.
 * preempt_enable() does not call the scheduler when the count reaches 0: the tool lets another task run
 * between any two instructions at which the count is 0 anyway. On PREEMPT_RT a softirq is counted in its task and not
 * here, so that interrupt_context_level() is 0 in it.
 */
#ifndef CTXRACE_PREEMPT_H
#define CTXRACE_PREEMPT_H

#include <ctxrace/arch.h>
#include <ctxrace/compiler.h>
#include <ctxrace/config.h>
#include <ctxrace/irqflags.h>
#include <ctxrace/sched.h>
#include CTXRACE_ARCH_HEADER(preempt.h)

/* The fields of the count, from the lowest bit on: depth of preempt_disable(), softirq, hardirq, NMI. */
#define PREEMPT_BITS	8
#define SOFTIRQ_BITS	8
#define HARDIRQ_BITS	4
#define NMI_BITS	4

#define PREEMPT_SHIFT	0
#define SOFTIRQ_SHIFT	(PREEMPT_SHIFT + PREEMPT_BITS)
#define HARDIRQ_SHIFT	(SOFTIRQ_SHIFT + SOFTIRQ_BITS)
#define NMI_SHIFT	(HARDIRQ_SHIFT + HARDIRQ_BITS)

#define PREEMPT_OFFSET	(1UL << PREEMPT_SHIFT)
#define SOFTIRQ_OFFSET	(1UL << SOFTIRQ_SHIFT)
#define HARDIRQ_OFFSET	(1UL << HARDIRQ_SHIFT)
#define NMI_OFFSET	(1UL << NMI_SHIFT)

#define PREEMPT_MASK	(((1UL << PREEMPT_BITS) - 1) << PREEMPT_SHIFT)
#define SOFTIRQ_MASK	(((1UL << SOFTIRQ_BITS) - 1) << SOFTIRQ_SHIFT)
#define HARDIRQ_MASK	(((1UL << HARDIRQ_BITS) - 1) << HARDIRQ_SHIFT)
#define NMI_MASK	(((1UL << NMI_BITS) - 1) << NMI_SHIFT)

/* Turning softirqs off counts twice as much as serving one, so that the lowest bit tells the two apart. */
#define SOFTIRQ_DISABLE_OFFSET	(2 * SOFTIRQ_OFFSET)

#define nmi_count()		(preempt_count() & NMI_MASK)
#define hardirq_count()		(preempt_count() & HARDIRQ_MASK)
#if CTXRACE_PREEMPT_RT
# define softirq_count()	((unsigned long)current->softirq_disable_cnt & SOFTIRQ_MASK)
# define irq_count()		((preempt_count() & (NMI_MASK | HARDIRQ_MASK)) | softirq_count())
#else
# define softirq_count()	(preempt_count() & SOFTIRQ_MASK)
# define irq_count()		(preempt_count() & (NMI_MASK | HARDIRQ_MASK | SOFTIRQ_MASK))
#endif

#define in_nmi()		(nmi_count())
#define in_hardirq()		(hardirq_count())
#define in_irq()		(hardirq_count())
#define in_softirq()		(softirq_count())
#define in_serving_softirq()	(softirq_count() & SOFTIRQ_OFFSET)
#define in_interrupt()		(irq_count())
#if CTXRACE_PREEMPT_RT
# define in_task()		(!((preempt_count() & (NMI_MASK | HARDIRQ_MASK)) | in_serving_softirq()))
#else
# define in_task()		(!(preempt_count() & (NMI_MASK | HARDIRQ_MASK | SOFTIRQ_OFFSET)))
#endif
#define in_atomic()		(preempt_count() != 0)
#define preemptible()		(preempt_count() == 0 && !irqs_disabled())

/* The level of the context that asks: 0 task, 1 softirq, 2 hardirq, 3 NMI. */
static __always_inline unsigned char interrupt_context_level(void)
{
	unsigned long count = preempt_count();

	/* A level's bits put it and the ones below it in the sum: an NMI is counted three times. */
	return !!(count & NMI_MASK) +
	       !!(count & (NMI_MASK | HARDIRQ_MASK)) +
	       !!(count & (NMI_MASK | HARDIRQ_MASK | SOFTIRQ_OFFSET));
}

#define preempt_count_add(value)	__preempt_count_add(value)
#define preempt_count_sub(value)	__preempt_count_sub(value)
#define preempt_count_inc()		preempt_count_add(1)
#define preempt_count_dec()		preempt_count_sub(1)

#define preempt_disable()		do { preempt_count_inc(); barrier(); } while (0)
#define preempt_enable()		do { barrier(); preempt_count_dec(); } while (0)

#define preempt_disable_notrace()	do { __preempt_count_add(1); barrier(); } while (0)
#define preempt_enable_notrace()	do { barrier(); __preempt_count_sub(1); } while (0)
#define preempt_enable_no_resched()	preempt_enable()
#define preempt_enable_no_resched_notrace() preempt_enable_notrace()

/*
 * With one CPU there is nowhere to go: these only order the compiler, and nothing is counted. Otherwise the count is the
 * task's (v6.19 include/linux/sched.h, which also tells the run queue; that is left out).
 */
static __always_inline void migrate_disable(void)
{
#if CTXRACE_SMP
	current->migration_disabled++;
#endif
	barrier();
}

static __always_inline void migrate_enable(void)
{
	barrier();
#if CTXRACE_SMP
	current->migration_disabled--;
#endif
}

#endif
