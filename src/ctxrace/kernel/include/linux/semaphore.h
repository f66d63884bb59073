/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/semaphore.h and kernel/locking/semaphore.c: a count. A task that finds 0
 * sleeps, and looks again whenever it runs.
 */
#ifndef CTXRACE_LINUX_SEMAPHORE_H
#define CTXRACE_LINUX_SEMAPHORE_H

#include <linux/atomic.h>
#include <ctxrace/sched.h>

struct semaphore {
	unsigned int count;
};

#define __SEMAPHORE_INITIALIZER(name, n)	{ (n) }
#define DEFINE_SEMAPHORE(name, n)		struct semaphore name = __SEMAPHORE_INITIALIZER(name, n)

static __always_inline void sema_init(struct semaphore *sem, int count)
{
	WRITE_ONCE(sem->count, (unsigned int)count);
}

/* 0 where it was taken, as the kernel has it. */
static __always_inline int __must_check down_trylock(struct semaphore *sem)
{
	unsigned int count = READ_ONCE(sem->count);

	while (count)
		if (try_cmpxchg_acquire(&sem->count, &count, count - 1))
			return 0;
	return 1;
}

static __always_inline void down(struct semaphore *sem)
{
	might_sleep();
	while (down_trylock(sem))
		(schedule)();
}

static __always_inline int __must_check down_interruptible(struct semaphore *sem)
{
	down(sem);
	return 0;
}
#define down_killable(sem)	down_interruptible(sem)

static __always_inline void up(struct semaphore *sem)
{
	unsigned int count = READ_ONCE(sem->count);

	while (!try_cmpxchg_release(&sem->count, &count, count + 1))
		;
}

#endif
