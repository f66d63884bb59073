/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/wait.h and kernel/sched/wait.c. A queue has room for CTXRACE_MOST_WAITERS tasks
 * (4); one more is a BUG(). Entries are not linked: the queue holds what a waker has to know. A waker wakes all who
 * are not exclusive, and the first ones of those who are, in the order in which they came. Functions of an entry's
 * own are not here. Time limits end a wait at any time, and nobody sends a signal.
 */
#ifndef CTXRACE_LINUX_WAIT_H
#define CTXRACE_LINUX_WAIT_H

#include <linux/list.h>
#include <linux/sched.h>
#include <linux/spinlock.h>

#ifndef CTXRACE_MOST_WAITERS
# define CTXRACE_MOST_WAITERS	4
#endif

#define WQ_FLAG_EXCLUSIVE	0x01
#define CTXRACE_STAYS_QUEUED	0x80	/* after it was woken, as the entries of add_wait_queue() */

struct wait_queue_entry {
	unsigned int flags;
	struct task_struct *private;
};
typedef struct wait_queue_entry wait_queue_entry_t;

struct ctxrace_waiter {
	struct wait_queue_entry *entry;	/* only compared: it is on the waiter's stack */
	struct task_struct *task;
	unsigned int flags;
};

struct wait_queue_head {
	spinlock_t lock;
	struct ctxrace_waiter waiters[CTXRACE_MOST_WAITERS];	/* the last ones have no entry */
};
typedef struct wait_queue_head wait_queue_head_t;

#define __WAIT_QUEUE_HEAD_INITIALIZER(name) { .lock = __SPIN_LOCK_INITIALIZER(name.lock) }
#define DECLARE_WAIT_QUEUE_HEAD(name)	struct wait_queue_head name = __WAIT_QUEUE_HEAD_INITIALIZER(name)
#define init_waitqueue_head(queue)	do { *(queue) = (struct wait_queue_head)__WAIT_QUEUE_HEAD_INITIALIZER(); } while (0)
#define DEFINE_WAIT(name)		struct wait_queue_entry name = { .flags = 0, .private = current }
#define DECLARE_WAITQUEUE(name, task)	struct wait_queue_entry name = { .flags = 0, .private = task }

static __always_inline void init_waitqueue_entry(struct wait_queue_entry *entry, struct task_struct *task)
{
	entry->flags = 0;
	entry->private = task;
}

static __always_inline int ctxrace_place_of(struct wait_queue_head *queue, struct wait_queue_entry *entry)
{
	for (int at = 0; at < CTXRACE_MOST_WAITERS; at++)
		if (queue->waiters[at].entry == entry)
			return at;
	return -1;
}

static noinline __maybe_unused void ctxrace_enqueue(struct wait_queue_head *queue, struct wait_queue_entry *entry,
						    unsigned int flags)
{
	int at = ctxrace_place_of(queue, entry);

	if (at >= 0)
		return;
	at = ctxrace_place_of(queue, NULL);
	BUG_ON(at < 0);	/* more waiters than CTXRACE_MOST_WAITERS */
	queue->waiters[at].entry = entry;
	queue->waiters[at].task = entry->private;
	queue->waiters[at].flags = flags;
}

static noinline __maybe_unused void ctxrace_dequeue(struct wait_queue_head *queue, int at)
{
	for (; at < CTXRACE_MOST_WAITERS - 1 && queue->waiters[at].entry; at++)
		queue->waiters[at] = queue->waiters[at + 1];
	queue->waiters[at].entry = NULL;
	queue->waiters[at].task = NULL;
	queue->waiters[at].flags = 0;
}

/* exclusive: how many of those that are; 0: all. */
static noinline __maybe_unused void ctxrace_wake_up_locked(struct wait_queue_head *queue, unsigned int states,
							   int exclusive)
{
	for (int turn = 0; turn < 2; turn++) {
		unsigned int kind = turn ? WQ_FLAG_EXCLUSIVE : 0;
		int at = 0;

		while (at < CTXRACE_MOST_WAITERS && queue->waiters[at].entry) {
			unsigned int flags = queue->waiters[at].flags;

			if ((flags & WQ_FLAG_EXCLUSIVE) != kind || !wake_up_state(queue->waiters[at].task, states)) {
				at++;
				continue;
			}
			if (flags & CTXRACE_STAYS_QUEUED)
				at++;
			else
				ctxrace_dequeue(queue, at);
			if (kind && !--exclusive)
				return;
		}
	}
}

static __always_inline void __wake_up(struct wait_queue_head *queue, unsigned int states, int exclusive, void *key)
{
	unsigned long flags;

	(void)key;
	spin_lock_irqsave(&queue->lock, flags);
	ctxrace_wake_up_locked(queue, states, exclusive);
	spin_unlock_irqrestore(&queue->lock, flags);
}

#define wake_up(queue)			__wake_up(queue, TASK_NORMAL, 1, NULL)
#define wake_up_nr(queue, count)	__wake_up(queue, TASK_NORMAL, count, NULL)
#define wake_up_all(queue)		__wake_up(queue, TASK_NORMAL, 0, NULL)
#define wake_up_interruptible(queue)	__wake_up(queue, TASK_INTERRUPTIBLE, 1, NULL)
#define wake_up_interruptible_all(queue) __wake_up(queue, TASK_INTERRUPTIBLE, 0, NULL)
#define wake_up_interruptible_sync(queue) wake_up_interruptible(queue)
#define wake_up_locked(queue)		ctxrace_wake_up_locked(queue, TASK_NORMAL, 1)

static __always_inline int waitqueue_active(struct wait_queue_head *queue)
{
	return READ_ONCE(queue->waiters[0].entry) != NULL;
}

static __always_inline bool wq_has_sleeper(struct wait_queue_head *queue)
{
	smp_mb();
	return waitqueue_active(queue);
}

static __always_inline void ctxrace_prepare(struct wait_queue_head *queue, struct wait_queue_entry *entry,
					    unsigned int state, unsigned int kind)
{
	unsigned long flags;

	spin_lock_irqsave(&queue->lock, flags);
	ctxrace_enqueue(queue, entry, kind);
	set_current_state(state);
	spin_unlock_irqrestore(&queue->lock, flags);
}

static __always_inline void prepare_to_wait(struct wait_queue_head *queue, struct wait_queue_entry *entry, int state)
{
	ctxrace_prepare(queue, entry, (unsigned int)state, 0);
}

static __always_inline void prepare_to_wait_exclusive(struct wait_queue_head *queue, struct wait_queue_entry *entry,
						      int state)
{
	ctxrace_prepare(queue, entry, (unsigned int)state, WQ_FLAG_EXCLUSIVE);
}

static __always_inline void remove_wait_queue(struct wait_queue_head *queue, struct wait_queue_entry *entry)
{
	unsigned long flags;
	int at;

	spin_lock_irqsave(&queue->lock, flags);
	at = ctxrace_place_of(queue, entry);
	if (at >= 0)
		ctxrace_dequeue(queue, at);
	spin_unlock_irqrestore(&queue->lock, flags);
}

static __always_inline void finish_wait(struct wait_queue_head *queue, struct wait_queue_entry *entry)
{
	__set_current_state(TASK_RUNNING);
	remove_wait_queue(queue, entry);
}

static __always_inline void ctxrace_add(struct wait_queue_head *queue, struct wait_queue_entry *entry, unsigned int kind)
{
	unsigned long flags;

	spin_lock_irqsave(&queue->lock, flags);
	ctxrace_enqueue(queue, entry, kind | CTXRACE_STAYS_QUEUED);
	spin_unlock_irqrestore(&queue->lock, flags);
}
#define add_wait_queue(queue, entry)		ctxrace_add(queue, entry, 0)
#define add_wait_queue_exclusive(queue, entry)	ctxrace_add(queue, entry, WQ_FLAG_EXCLUSIVE)

#define CTXRACE_WAIT(queue, condition, state, kind, sleep) do {		\
	DEFINE_WAIT(__entry);						\
	for (;;) {							\
		ctxrace_prepare(&(queue), &__entry, state, kind);	\
		if (condition)						\
			break;						\
		sleep;							\
		if (condition)						\
			break;						\
	}								\
	finish_wait(&(queue), &__entry);				\
} while (0)
#define wait_event(queue, condition) do {						\
	might_sleep();									\
	if (!(condition))								\
		CTXRACE_WAIT(queue, condition, TASK_UNINTERRUPTIBLE, 0, schedule());	\
} while (0)
#define CTXRACE_WAIT_INTERRUPTIBLE(queue, condition, kind) ({				\
	might_sleep();									\
	if (!(condition))								\
		CTXRACE_WAIT(queue, condition, TASK_INTERRUPTIBLE, kind, schedule());	\
	0;										\
})
#define wait_event_interruptible(queue, condition) CTXRACE_WAIT_INTERRUPTIBLE(queue, condition, 0)
#define wait_event_killable(queue, condition)	CTXRACE_WAIT_INTERRUPTIBLE(queue, condition, 0)
#define wait_event_interruptible_exclusive(queue, condition) \
	CTXRACE_WAIT_INTERRUPTIBLE(queue, condition, WQ_FLAG_EXCLUSIVE)
#define wait_event_idle(queue, condition)	wait_event(queue, condition)

/* 1 where the condition came true, 0 where the time ended first, which it may at once. */
#define wait_event_timeout(queue, condition, timeout) ({				\
	bool __done = false;								\
	(void)(timeout);								\
	might_sleep();									\
	__done = !!(condition);								\
	if (!__done) {									\
		DEFINE_WAIT(__entry);							\
		ctxrace_prepare(&(queue), &__entry, TASK_UNINTERRUPTIBLE, 0);		\
		__done = !!(condition);							\
		if (!__done)								\
			schedule_timeout(1);						\
		__done = __done || !!(condition);					\
		finish_wait(&(queue), &__entry);					\
	}										\
	(long)__done;									\
})
#define wait_event_interruptible_timeout(queue, condition, timeout) wait_event_timeout(queue, condition, timeout)

#endif
