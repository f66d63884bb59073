/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/workqueue.h and kernel/workqueue.c: a function that a task runs at some time
 * after it was queued, never twice at once. Queues are only names, delays are of any length. CTXRACE_WORK(work)
 * declares the task (ctxrace/deferred.h); of a delayed work item, CTXRACE_WORK(item.work).
 */
#ifndef CTXRACE_LINUX_WORKQUEUE_H
#define CTXRACE_LINUX_WORKQUEUE_H

#include <linux/atomic.h>
#include <ctxrace/deferred.h>
#include <ctxrace/sched.h>
#include <linux/compiler.h>
#include <linux/container_of.h>

struct work_struct;
typedef void (*work_func_t)(struct work_struct *work);
struct work_struct {
	work_func_t func;
	int pending;
	int running;
};
struct delayed_work {
	struct work_struct work;
};
struct workqueue_struct;

#define __WORK_INITIALIZER(name, function)	{ .func = (function) }
#define DECLARE_WORK(name, function)		struct work_struct name = __WORK_INITIALIZER(name, function)
#define DECLARE_DELAYED_WORK(name, function)	struct delayed_work name = { __WORK_INITIALIZER(name, function) }
#define INIT_WORK(work, function)		do { *(work) = (struct work_struct)__WORK_INITIALIZER(, function); } while (0)
#define INIT_DELAYED_WORK(item, function)	INIT_WORK(&(item)->work, function)
#define to_delayed_work(item)			container_of(item, struct delayed_work, work)
#define system_wq				((struct workqueue_struct *)0)
#define system_percpu_wq			system_wq
#define system_dfl_wq				system_wq
#define system_highpri_wq			system_wq
#define system_unbound_wq			system_wq

extern const char no_context_runs_it_see_CTXRACE_WORK;

static __always_inline bool schedule_work(struct work_struct *work)
{
	CTXRACE_HAS_A_CONTEXT(CTXRACE_WORK);
	return !xchg(&work->pending, 1);
}
#define queue_work(queue, work)				((void)(queue), schedule_work(work))
#define queue_work_on(cpu, queue, work)			((void)(cpu), queue_work(queue, work))
#define schedule_work_on(cpu, work)			((void)(cpu), schedule_work(work))
#define schedule_delayed_work(item, delay)		((void)sizeof(delay), schedule_work(&(item)->work))
#define queue_delayed_work(queue, item, delay)		((void)(queue), schedule_delayed_work(item, delay))
#define mod_delayed_work(queue, item, delay)		(!queue_delayed_work(queue, item, delay))
#define work_pending(item)				(READ_ONCE((item)->pending) != 0)
#define delayed_work_pending(item)			work_pending(&(item)->work)

static __always_inline bool cancel_work(struct work_struct *work)
{
	return xchg(&work->pending, 0);
}

static __always_inline bool flush_work(struct work_struct *work)
{
	bool waited = false;

	might_sleep();
	while (READ_ONCE(work->pending) || READ_ONCE(work->running)) {
		waited = true;
		(schedule)();
	}
	return waited;
}

static __always_inline bool cancel_work_sync(struct work_struct *work)
{
	bool was = false;

	might_sleep();
	do {
		was |= cancel_work(work);
		if (!READ_ONCE(work->running))
			break;
		(schedule)();
	} while (1);
	return was;
}
#define cancel_delayed_work(item)	cancel_work(&(item)->work)
#define cancel_delayed_work_sync(item)	cancel_work_sync(&(item)->work)
#define flush_delayed_work(item)	flush_work(&(item)->work)

static __always_inline void ctxrace_run_work(struct work_struct *work)
{
	if (!work_pending(work))
		return;
	WRITE_ONCE(work->running, 1);	/* first, so that nobody finds it neither pending nor running */
	if (cancel_work(work))
		work->func(work);
	WRITE_ONCE(work->running, 0);
}
#define CTXRACE_WORK_TASK(entry)	CTXRACE_TASKS(1, entry)
#define CTXRACE_WORK(work)		CTXRACE_DEFERRED(CTXRACE_WORK, CTXRACE_WORK_TASK, ctxrace_run_work, work)

#endif
