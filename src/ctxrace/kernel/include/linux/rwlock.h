/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/rwlock.h, rwlock_rt.h and kernel/locking/qrwlock.c: one word with the number of
 * readers, or one writer. A writer that waits keeps no reader away: that two readers on one CPU wait for one another
 * through a waiting writer is not found. On PREEMPT_RT a task sleeps for it.
 */
#ifndef CTXRACE_LINUX_RWLOCK_H
#define CTXRACE_LINUX_RWLOCK_H

#include <linux/spinlock.h>

typedef struct {
	struct lockdep_map dep_map;
} rwlock_t;

#define __RW_LOCK_UNLOCKED(name)	(rwlock_t){ { 0 } }
#define DEFINE_RWLOCK(name)		rwlock_t name = { { 0 } }

static __always_inline void rwlock_init(rwlock_t *lock)
{
	WRITE_ONCE(lock->dep_map.taken, 0);
}

static __always_inline bool ctxrace_take_to_read(struct lockdep_map *lock)
{
	unsigned int readers = READ_ONCE(lock->taken);

	while (readers != LOCKDEP_WRITER)
		if (try_cmpxchg_acquire(&lock->taken, &readers, readers + 1))
			return true;
	return false;
}

static __always_inline bool ctxrace_take_to_write(struct lockdep_map *lock)
{
	return cmpxchg_acquire(&lock->taken, 0, LOCKDEP_WRITER) == 0;
}

static __always_inline void ctxrace_end_reading(struct lockdep_map *lock)
{
	unsigned int readers = READ_ONCE(lock->taken);

	while (!try_cmpxchg_release(&lock->taken, &readers, readers - 1))
		;
}

#if CTXRACE_PREEMPT_RT
# define CTXRACE_RWLOCK_BEGIN()		rtlock_might_resched()
# define CTXRACE_RWLOCK_WAIT()		schedule_rtlock()
# define CTXRACE_RWLOCK_FAILED()	do { } while (0)
# define CTXRACE_RWLOCK_TAKEN()		do { rcu_read_lock(); migrate_disable(); } while (0)
# define CTXRACE_RWLOCK_END()		do { migrate_enable(); rcu_read_unlock(); } while (0)
#else
# define CTXRACE_RWLOCK_BEGIN()		preempt_disable()
# define CTXRACE_RWLOCK_WAIT()		cpu_relax()
# define CTXRACE_RWLOCK_FAILED()	preempt_enable()
# define CTXRACE_RWLOCK_TAKEN()		do { } while (0)
# define CTXRACE_RWLOCK_END()		preempt_enable()
#endif

#define CTXRACE_RWLOCK(name, take, end)				\
static __always_inline void name##_lock(rwlock_t *lock)		\
{								\
	CTXRACE_RWLOCK_BEGIN();					\
	while (!take(&lock->dep_map))				\
		CTXRACE_RWLOCK_WAIT();				\
	CTXRACE_RWLOCK_TAKEN();					\
}								\
static __always_inline int name##_trylock(rwlock_t *lock)	\
{								\
	if (!CTXRACE_PREEMPT_RT)				\
		CTXRACE_RWLOCK_BEGIN();				\
	if (!take(&lock->dep_map)) {				\
		CTXRACE_RWLOCK_FAILED();			\
		return 0;					\
	}							\
	CTXRACE_RWLOCK_TAKEN();					\
	return 1;						\
}								\
static __always_inline void name##_unlock(rwlock_t *lock)	\
{								\
	end(&lock->dep_map);					\
	CTXRACE_RWLOCK_END();					\
}								\
static __always_inline void name##_lock_bh(rwlock_t *lock)	\
{								\
	local_bh_disable();					\
	name##_lock(lock);					\
}								\
static __always_inline void name##_unlock_bh(rwlock_t *lock)	\
{								\
	name##_unlock(lock);					\
	local_bh_enable();					\
}

CTXRACE_RWLOCK(read, ctxrace_take_to_read, ctxrace_end_reading)
CTXRACE_RWLOCK(write, ctxrace_take_to_write, ctxrace_give_back)
#undef CTXRACE_RWLOCK

#if CTXRACE_PREEMPT_RT
# define read_lock_irq(lock)			read_lock(lock)
# define read_unlock_irq(lock)			read_unlock(lock)
# define write_lock_irq(lock)			write_lock(lock)
# define write_unlock_irq(lock)			write_unlock(lock)
# define read_lock_irqsave(lock, flags)		do { (flags) = 0; read_lock(lock); } while (0)
# define read_unlock_irqrestore(lock, flags)	do { (void)(flags); read_unlock(lock); } while (0)
# define write_lock_irqsave(lock, flags)	do { (flags) = 0; write_lock(lock); } while (0)
# define write_unlock_irqrestore(lock, flags)	do { (void)(flags); write_unlock(lock); } while (0)
#else
# define read_lock_irq(lock)			do { local_irq_disable(); read_lock(lock); } while (0)
# define read_unlock_irq(lock)			do { read_unlock(lock); local_irq_enable(); } while (0)
# define write_lock_irq(lock)			do { local_irq_disable(); write_lock(lock); } while (0)
# define write_unlock_irq(lock)			do { write_unlock(lock); local_irq_enable(); } while (0)
# define read_lock_irqsave(lock, flags)		do { local_irq_save(flags); read_lock(lock); } while (0)
# define read_unlock_irqrestore(lock, flags)	do { read_unlock(lock); local_irq_restore(flags); } while (0)
# define write_lock_irqsave(lock, flags)	do { local_irq_save(flags); write_lock(lock); } while (0)
# define write_unlock_irqrestore(lock, flags)	do { write_unlock(lock); local_irq_restore(flags); } while (0)
#endif

#endif
