/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/mutex.h and kernel/locking/mutex.c: a word, taken by one atomic instruction; a
 * task that finds it taken sleeps, and tries again whenever it runs. Whose turn it is next is not modelled, nor who
 * the owner is.
 */
#ifndef CTXRACE_LINUX_MUTEX_H
#define CTXRACE_LINUX_MUTEX_H

#include <linux/atomic.h>
#include <ctxrace/sched.h>
#include <linux/cleanup.h>
#include <linux/lockdep.h>

struct mutex {
	struct lockdep_map dep_map;
};

#define __MUTEX_INITIALIZER(name)	{ { 0 } }
#define DEFINE_MUTEX(name)		struct mutex name = __MUTEX_INITIALIZER(name)

static __always_inline void mutex_init(struct mutex *lock)
{
	WRITE_ONCE(lock->dep_map.taken, 0);
}
#define mutex_destroy(lock)		do { (void)(lock); } while (0)

static __always_inline bool mutex_is_locked(struct mutex *lock)
{
	return READ_ONCE(lock->dep_map.taken) != 0;
}

static __always_inline int mutex_trylock(struct mutex *lock)
{
	return cmpxchg_acquire(&lock->dep_map.taken, 0, 1) == 0;
}

static __always_inline void mutex_lock(struct mutex *lock)
{
	might_sleep();
	while (!mutex_trylock(lock))
		(schedule)();
}

static __always_inline int __must_check mutex_lock_interruptible(struct mutex *lock)
{
	mutex_lock(lock);
	return 0;
}

static __always_inline void mutex_unlock(struct mutex *lock)
{
	smp_store_release(&lock->dep_map.taken, 0);
}

#define mutex_lock_killable(lock)	mutex_lock_interruptible(lock)
#define mutex_lock_io(lock)		mutex_lock(lock)
#define mutex_lock_nested(lock, subclass) mutex_lock(lock)

#define atomic_dec_and_mutex_lock(count, lock) ({		\
	bool __last = false;					\
	if (!atomic_add_unless(count, -1, 1)) {			\
		mutex_lock(lock);				\
		__last = atomic_dec_and_test(count);		\
		if (!__last)					\
			mutex_unlock(lock);			\
	}							\
	__last;							\
})

DEFINE_GUARD(mutex, struct mutex *, mutex_lock(_T), mutex_unlock(_T))
DEFINE_GUARD_COND(mutex, _try, mutex_trylock(_T))
DEFINE_GUARD_COND(mutex, _intr, mutex_lock_interruptible(_T) == 0)

#endif
