// SPDX-License-Identifier: Apache-2.0
/*
 * A task waits for an interrupt. It must be in the wait queue before it looks at the condition: an interrupt that comes
 * between the look and the queue wakes nobody, and no other one follows.
 */
#include <linux/compiler.h>
#include <linux/sched.h>
#include <linux/wait.h>

static DECLARE_WAIT_QUEUE_HEAD(queue);
static int done;

void waiter(void)
{
#ifdef WRONG
	DEFINE_WAIT(wait);

	if (!READ_ONCE(done)) {
		prepare_to_wait(&queue, &wait, TASK_UNINTERRUPTIBLE);
		schedule();
		finish_wait(&queue, &wait);
	}
#else
	wait_event(queue, READ_ONCE(done));
#endif
}

void handler(void)
{
	WRITE_ONCE(done, 1);
	wake_up(&queue);
}

CTXRACE_TASKS(1, waiter);
CTXRACE_HARDIRQ(handler);
CTXRACE_ATTEMPTS(1);
