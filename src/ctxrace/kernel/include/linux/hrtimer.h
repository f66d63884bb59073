/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/hrtimer.h and kernel/time/hrtimer.c: a function that a hardirq runs at some
 * time after the timer was started. Time is not modelled: a timer may fire at once, and its time of expiry is not
 * even computed. CTXRACE_HRTIMER(timer) declares the hardirq (ctxrace/deferred.h). On PREEMPT_RT, and with a mode in
 * _SOFT, the kernel runs it in a softirq: CTXRACE_HRTIMER_SOFT(timer) declares that. The mode itself is not looked
 * at.
 */
#ifndef CTXRACE_LINUX_HRTIMER_H
#define CTXRACE_LINUX_HRTIMER_H

#include <ctxrace/barrier.h>
#include <ctxrace/deferred.h>
#include <ctxrace/sched.h>
#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/ktime.h>

enum hrtimer_restart { HRTIMER_NORESTART, HRTIMER_RESTART };
enum hrtimer_mode {
	HRTIMER_MODE_ABS = 0x00,
	HRTIMER_MODE_REL = 0x01,
	HRTIMER_MODE_PINNED = 0x02,
	HRTIMER_MODE_SOFT = 0x04,
	HRTIMER_MODE_HARD = 0x08,
	HRTIMER_MODE_ABS_PINNED = HRTIMER_MODE_ABS | HRTIMER_MODE_PINNED,
	HRTIMER_MODE_REL_PINNED = HRTIMER_MODE_REL | HRTIMER_MODE_PINNED,
	HRTIMER_MODE_ABS_SOFT = HRTIMER_MODE_ABS | HRTIMER_MODE_SOFT,
	HRTIMER_MODE_REL_SOFT = HRTIMER_MODE_REL | HRTIMER_MODE_SOFT,
	HRTIMER_MODE_ABS_HARD = HRTIMER_MODE_ABS | HRTIMER_MODE_HARD,
	HRTIMER_MODE_REL_HARD = HRTIMER_MODE_REL | HRTIMER_MODE_HARD,
};
enum { CLOCK_REALTIME, CLOCK_MONOTONIC };

struct hrtimer {
	enum hrtimer_restart (*function)(struct hrtimer *timer);
	int queued;
	int running;
};

extern const char no_context_runs_it_see_CTXRACE_HRTIMER;

static __always_inline void hrtimer_setup(struct hrtimer *timer, enum hrtimer_restart (*function)(struct hrtimer *),
					  int clock, enum hrtimer_mode mode)
{
	(void)clock;
	(void)mode;
	timer->function = function;
	WRITE_ONCE(timer->queued, 0);
	WRITE_ONCE(timer->running, 0);
}

static __always_inline void ctxrace_start_hrtimer(struct hrtimer *timer)
{
	CTXRACE_HAS_A_CONTEXT(CTXRACE_HRTIMER);
	xchg(&timer->queued, 1);
}
#define hrtimer_start(timer, time, mode)	((void)sizeof(time), (void)(mode), ctxrace_start_hrtimer(timer))
#define hrtimer_start_range_ns(timer, time, range, mode) hrtimer_start(timer, time, mode)
#define hrtimer_restart(timer)			ctxrace_start_hrtimer(timer)
#define hrtimer_forward_now(timer, interval)	((void)(timer), (void)sizeof(interval), 1ULL)

static __always_inline bool hrtimer_is_queued(struct hrtimer *timer)
{
	return READ_ONCE(timer->queued) != 0;
}

static __always_inline bool hrtimer_active(const struct hrtimer *timer)
{
	return READ_ONCE(timer->queued) || READ_ONCE(timer->running);
}

static __always_inline int hrtimer_callback_running(struct hrtimer *timer)
{
	return READ_ONCE(timer->running);
}

/* -1: its function runs. */
static __always_inline int hrtimer_try_to_cancel(struct hrtimer *timer)
{
	if (READ_ONCE(timer->running))
		return -1;
	return xchg(&timer->queued, 0);
}

static __always_inline int hrtimer_cancel(struct hrtimer *timer)
{
	int was;

	while ((was = hrtimer_try_to_cancel(timer)) < 0) {
#if CTXRACE_PREEMPT_RT
		schedule_rtlock();
#else
		cpu_relax();
#endif
	}
	return was;
}

static __always_inline void ctxrace_run_hrtimer(struct hrtimer *timer)
{
	/* First, so that nobody finds it neither queued nor running. Where it runs elsewhere, this comes again. */
	if (!hrtimer_is_queued(timer) || cmpxchg(&timer->running, 0, 1))
		return;
	if (xchg(&timer->queued, 0) && timer->function(timer) == HRTIMER_RESTART)
		WRITE_ONCE(timer->queued, 1);
	smp_store_release(&timer->running, 0);
}
#define CTXRACE_HRTIMER(timer)	CTXRACE_DEFERRED(CTXRACE_HRTIMER, CTXRACE_HARDIRQ, ctxrace_run_hrtimer, timer)
#define CTXRACE_HRTIMER_SOFT(timer) \
	CTXRACE_DEFERRED(CTXRACE_HRTIMER, CTXRACE_SOFTIRQ, ctxrace_run_hrtimer, timer)

#endif
