/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/completion.h and kernel/sched/completion.c: a count that complete() adds to and
 * a waiter takes from. A waiter looks again whenever it runs; who waits longest is not preferred. A time limit ends
 * the wait at any time. A count that is added to for ever and never taken from makes a search long:
 * CTXRACE_ATTEMPTS() bounds it.
 */
#ifndef CTXRACE_LINUX_COMPLETION_H
#define CTXRACE_LINUX_COMPLETION_H

#include <linux/sched.h>

struct completion {
	unsigned int done;
};

#define COMPLETION_INITIALIZER(name)		{ 0 }
#define COMPLETION_INITIALIZER_ONSTACK(name)	(struct completion){ 0 }
#define DECLARE_COMPLETION(name)		struct completion name = COMPLETION_INITIALIZER(name)
#define DECLARE_COMPLETION_ONSTACK(name)	DECLARE_COMPLETION(name)

static __always_inline void init_completion(struct completion *x)
{
	WRITE_ONCE(x->done, 0);
}
#define reinit_completion(x)	init_completion(x)

/* All that may be had is UINT_MAX, which complete_all() leaves and nobody takes from. */
static __always_inline void complete(struct completion *x)
{
	unsigned int done = READ_ONCE(x->done);

	while (done != UINT_MAX && !try_cmpxchg(&x->done, &done, done + 1))
		;
}

static __always_inline void complete_all(struct completion *x)
{
	smp_mb();
	WRITE_ONCE(x->done, UINT_MAX);
}

static __always_inline bool completion_done(struct completion *x)
{
	return smp_load_acquire(&x->done) != 0;
}

static __always_inline bool try_wait_for_completion(struct completion *x)
{
	unsigned int done = smp_load_acquire(&x->done);

	while (done && done != UINT_MAX)
		if (try_cmpxchg(&x->done, &done, done - 1))
			return true;
	return done != 0;
}

static __always_inline void wait_for_completion(struct completion *x)
{
	might_sleep();
	while (!try_wait_for_completion(x))
		(schedule)();
}

static __always_inline int wait_for_completion_interruptible(struct completion *x)
{
	wait_for_completion(x);
	return 0;
}
#define wait_for_completion_killable(x)	wait_for_completion_interruptible(x)
#define wait_for_completion_io(x)	wait_for_completion(x)

static __always_inline unsigned long wait_for_completion_timeout(struct completion *x, unsigned long timeout)
{
	(void)timeout;
	might_sleep();
	if (try_wait_for_completion(x))
		return 1;
	(schedule)();
	return try_wait_for_completion(x);
}
#define wait_for_completion_interruptible_timeout(x, timeout) ((long)wait_for_completion_timeout(x, timeout))

#endif
