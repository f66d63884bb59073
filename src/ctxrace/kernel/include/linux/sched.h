/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/sched.h, kernel/sched/core.c (try_to_wake_up) and include/linux/sched/signal.h.
 * A task's state is a word for each task, which others may write, and not in its task_struct, which is its own alone.
 * schedule() returns to a task once its state is TASK_RUNNING again: who sets its state too late sleeps for ever.
 * With CTXRACE_SPURIOUS_WAKEUPS=1 it returns as it likes, as kernel code has to expect. A sleep that ends by itself
 * (schedule_timeout(), msleep()) ends at any time. No signal is ever sent. The task_struct has few fields
 * (ctxrace/sched.h).
 */
#ifndef CTXRACE_LINUX_SCHED_H
#define CTXRACE_LINUX_SCHED_H

#include <linux/atomic.h>
#include <ctxrace/bug.h>
#include <ctxrace/preempt.h>
#include <ctxrace/sched.h>
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/limits.h>

#define TASK_RUNNING		0x0000
#define TASK_INTERRUPTIBLE	0x0001
#define TASK_UNINTERRUPTIBLE	0x0002
#define TASK_WAKEKILL		0x0100
#define TASK_NOLOAD		0x0400
#define TASK_KILLABLE		(TASK_WAKEKILL | TASK_UNINTERRUPTIBLE)
#define TASK_IDLE		(TASK_UNINTERRUPTIBLE | TASK_NOLOAD)
#define TASK_NORMAL		(TASK_INTERRUPTIBLE | TASK_UNINTERRUPTIBLE)

#define MAX_SCHEDULE_TIMEOUT	LONG_MAX

#ifndef CTXRACE_SPURIOUS_WAKEUPS
# define CTXRACE_SPURIOUS_WAKEUPS 0
#endif

/* Where the tool's task_structs are (kernel/layout.py). Weak, so that every object may bring the states. */
#define CTXRACE_FIRST_TASK	0xFFFF000200000000UL
#define CTXRACE_TASK_STRIDE	0x11040UL
#define CTXRACE_MOST_SLEEPERS	16
__weak unsigned int ctxrace_task_states[CTXRACE_MOST_SLEEPERS];

static __always_inline unsigned int *ctxrace_state_of(struct task_struct *task)
{
	unsigned long number = (unsigned long)task;

	OPTIMIZER_HIDE_VAR(number);	/* current may be a register that is read whole or not at all */
	number = (number - CTXRACE_FIRST_TASK) / CTXRACE_TASK_STRIDE;
	BUG_ON(number >= CTXRACE_MOST_SLEEPERS);
	return &ctxrace_task_states[number];
}

#define __set_current_state(state)	WRITE_ONCE(*ctxrace_state_of(current), (state))
#define set_current_state(state)	smp_store_mb(*ctxrace_state_of(current), (state))
#define get_current_state()		READ_ONCE(*ctxrace_state_of(current))
#define task_is_running(task)		(READ_ONCE(*ctxrace_state_of(task)) == TASK_RUNNING)

static __always_inline void ctxrace_schedule(void)
{
	do {
		schedule();
	} while (!CTXRACE_SPURIOUS_WAKEUPS && READ_ONCE(*ctxrace_state_of(current)) != TASK_RUNNING);
	if (CTXRACE_SPURIOUS_WAKEUPS)
		__set_current_state(TASK_RUNNING);
}
#define schedule()		ctxrace_schedule()
#define io_schedule()		ctxrace_schedule()

static __always_inline long schedule_timeout(long timeout)
{
	if (timeout == MAX_SCHEDULE_TIMEOUT) {
		ctxrace_schedule();
		return timeout;
	}
	(schedule)();
	__set_current_state(TASK_RUNNING);
	return 0;
}

static __always_inline long schedule_timeout_interruptible(long timeout)
{
	__set_current_state(TASK_INTERRUPTIBLE);
	return schedule_timeout(timeout);
}

static __always_inline long schedule_timeout_uninterruptible(long timeout)
{
	__set_current_state(TASK_UNINTERRUPTIBLE);
	return schedule_timeout(timeout);
}

static __always_inline int wake_up_state(struct task_struct *task, unsigned int states)
{
	unsigned int *state = ctxrace_state_of(task);
	unsigned int was;

	smp_mb();
	was = READ_ONCE(*state);
	do {
		if (!(was & states))
			return 0;
	} while (!try_cmpxchg(state, &was, TASK_RUNNING));
	return 1;
}

static __always_inline int wake_up_process(struct task_struct *task)
{
	return wake_up_state(task, TASK_NORMAL);
}

static __always_inline int signal_pending(struct task_struct *task __maybe_unused)
{
	return 0;
}
#define fatal_signal_pending(task)		signal_pending(task)
#define signal_pending_state(state, task)	signal_pending(task)

#define get_task_struct(task)		(task)
#define put_task_struct(task)		do { (void)(task); } while (0)
#define task_pid_nr(task)		((task)->pid)
#define cond_resched_lock(lock)		({ spin_unlock(lock); cond_resched(); spin_lock(lock); 1; })

/* Time and the scheduler's wishes are not modelled: who needs one defines it. */
bool need_resched(void);
unsigned long long sched_clock(void);
unsigned long long local_clock(void);

#endif
