/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/timer.h and kernel/time/timer.c: a function that a softirq runs at some time
 * after the timer was armed. Time is not modelled: a timer may fire at once, so that its time of expiry is not even
 * computed. CTXRACE_TIMER(timer) declares the softirq (ctxrace/deferred.h).
 */
#ifndef CTXRACE_LINUX_TIMER_H
#define CTXRACE_LINUX_TIMER_H

#include <ctxrace/barrier.h>
#include <ctxrace/bug.h>
#include <ctxrace/cmpxchg.h>
#include <ctxrace/deferred.h>
#include <ctxrace/sched.h>
#include <linux/compiler.h>
#include <linux/container_of.h>
#include <linux/jiffies.h>
#include <linux/types.h>

struct timer_list {
	void (*function)(struct timer_list *timer);
	int pending;
	int running;
	u32 flags;
};

#define TIMER_DEFERRABLE	0x00080000
#define TIMER_PINNED		0x00100000
#define TIMER_IRQSAFE		0x00200000
#define __TIMER_INITIALIZER(callback, bits) { .function = (callback), .flags = (bits) }
#define DEFINE_TIMER(name, callback)	struct timer_list name = __TIMER_INITIALIZER(callback, 0)

extern const char no_context_runs_it_see_CTXRACE_TIMER;

static __always_inline void timer_setup(struct timer_list *timer, void (*function)(struct timer_list *timer),
					unsigned int flags)
{
	timer->function = function;
	timer->flags = flags;
	WRITE_ONCE(timer->pending, 0);
	WRITE_ONCE(timer->running, 0);
}

static __always_inline int timer_pending(const struct timer_list *timer)
{
	return READ_ONCE(timer->pending);
}

static __always_inline int ctxrace_arm(struct timer_list *timer)
{
	CTXRACE_HAS_A_CONTEXT(CTXRACE_TIMER);
	return xchg(&timer->pending, 1);
}

static __always_inline void add_timer(struct timer_list *timer)
{
	BUG_ON(ctxrace_arm(timer));
}

static __always_inline int timer_delete(struct timer_list *timer)
{
	return xchg(&timer->pending, 0);
}

static __always_inline int timer_delete_sync(struct timer_list *timer)
{
	int was = timer_delete(timer);

	while (READ_ONCE(timer->running)) {
#if CTXRACE_PREEMPT_RT
		schedule_rtlock();
#else
		cpu_relax();
#endif
		was |= timer_delete(timer);
	}
	return was;
}

#define mod_timer(timer, expires)		((void)sizeof(expires), ctxrace_arm(timer))
#define timer_reduce(timer, expires)		mod_timer(timer, expires)
#define mod_timer_pending(timer, expires)	((void)sizeof(expires), timer_pending(timer))
#define add_timer_on(timer, cpu)		add_timer(((void)(cpu), timer))
#define del_timer(timer)			timer_delete(timer)
#define del_timer_sync(timer)			timer_delete_sync(timer)
#define timer_container_of(variable, timer, member) container_of(timer, __typeof__(*variable), member)
#define from_timer(variable, timer, member)	timer_container_of(variable, timer, member)

static __always_inline void ctxrace_run_timer(struct timer_list *timer)
{
	/* First, so that nobody finds it neither pending nor running. Where it runs elsewhere, this comes again. */
	if (!timer_pending(timer) || cmpxchg(&timer->running, 0, 1))
		return;
	if (timer_delete(timer))
		timer->function(timer);
	smp_store_release(&timer->running, 0);
}
#define CTXRACE_TIMER(timer)	CTXRACE_DEFERRED(CTXRACE_TIMER, CTXRACE_SOFTIRQ, ctxrace_run_timer, timer)

#endif
