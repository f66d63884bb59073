/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/rwsem.h and kernel/locking/rwsem.c: one word with the number of readers, or one
 * writer. A task that cannot have it sleeps. A writer that waits keeps no reader away.
 */
#ifndef CTXRACE_LINUX_RWSEM_H
#define CTXRACE_LINUX_RWSEM_H

#include <linux/cleanup.h>
#include <linux/rwlock.h>
#include <linux/sched.h>

struct rw_semaphore {
	struct lockdep_map dep_map;
};

#define __RWSEM_INITIALIZER(name)	{ { 0 } }
#define DECLARE_RWSEM(name)		struct rw_semaphore name = __RWSEM_INITIALIZER(name)
#define init_rwsem(sem)			WRITE_ONCE((sem)->dep_map.taken, 0)

static __always_inline bool rwsem_is_locked(struct rw_semaphore *sem)
{
	return READ_ONCE(sem->dep_map.taken) != 0;
}

static __always_inline int down_read_trylock(struct rw_semaphore *sem)
{
	return ctxrace_take_to_read(&sem->dep_map);
}

static __always_inline int down_write_trylock(struct rw_semaphore *sem)
{
	return ctxrace_take_to_write(&sem->dep_map);
}

static __always_inline void down_read(struct rw_semaphore *sem)
{
	might_sleep();
	while (!down_read_trylock(sem))
		(schedule)();
}

static __always_inline void down_write(struct rw_semaphore *sem)
{
	might_sleep();
	while (!down_write_trylock(sem))
		(schedule)();
}

static __always_inline void up_read(struct rw_semaphore *sem)
{
	ctxrace_end_reading(&sem->dep_map);
}

static __always_inline void up_write(struct rw_semaphore *sem)
{
	ctxrace_give_back(&sem->dep_map);
}

static __always_inline void downgrade_write(struct rw_semaphore *sem)
{
	smp_store_release(&sem->dep_map.taken, 1);
}

#define down_read_killable(sem)		({ down_read(sem); 0; })
#define down_read_interruptible(sem)	({ down_read(sem); 0; })
#define down_write_killable(sem)	({ down_write(sem); 0; })
#define down_read_nested(sem, subclass)	down_read(sem)
#define down_write_nested(sem, subclass) down_write(sem)

DEFINE_GUARD(rwsem_read, struct rw_semaphore *, down_read(_T), up_read(_T))
DEFINE_GUARD_COND(rwsem_read, _try, down_read_trylock(_T))
DEFINE_GUARD(rwsem_write, struct rw_semaphore *, down_write(_T), up_write(_T))
DEFINE_GUARD_COND(rwsem_write, _try, down_write_trylock(_T))

#endif
