/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v6.19 include/linux/local_lock.h and local_lock_internal.h: on PREEMPT_RT a lock for each CPU that
 * a task sleeps for, elsewhere no lock but preemption off. Whose turn it is next, and priority inheritance, are not
 * modelled: whoever runs next takes it.
 */
#ifndef CTXRACE_LOCAL_LOCK_H
#define CTXRACE_LOCAL_LOCK_H

#include <ctxrace/atomic.h>
#include <ctxrace/percpu.h>
#include <ctxrace/sched.h>

typedef struct {
	int taken;
} local_lock_t;

#define INIT_LOCAL_LOCK(name)	{ 0 }

#if CTXRACE_PREEMPT_RT

static __always_inline void ctxrace_local_lock(local_lock_t __percpu *lock)
{
	migrate_disable();
	rtlock_might_resched();
	while (cmpxchg(&raw_cpu_ptr(lock)->taken, 0, 1))
		schedule_rtlock();
}

static __always_inline void ctxrace_local_unlock(local_lock_t __percpu *lock)
{
	smp_store_release(&raw_cpu_ptr(lock)->taken, 0);
	migrate_enable();
}

# define local_lock(lock)		ctxrace_local_lock(lock)
# define local_unlock(lock)		ctxrace_local_unlock(lock)
# define local_lock_irq(lock)		ctxrace_local_lock(lock)
# define local_unlock_irq(lock)		ctxrace_local_unlock(lock)
# define local_lock_irqsave(lock, flags)	do { (flags) = 0; ctxrace_local_lock(lock); } while (0)
# define local_unlock_irqrestore(lock, flags)	do { (void)(flags); ctxrace_local_unlock(lock); } while (0)

#else

# define local_lock(lock)		do { (void)(lock); preempt_disable(); } while (0)
# define local_unlock(lock)		do { (void)(lock); preempt_enable(); } while (0)
# define local_lock_irq(lock)		do { (void)(lock); local_irq_disable(); } while (0)
# define local_unlock_irq(lock)		do { (void)(lock); local_irq_enable(); } while (0)
# define local_lock_irqsave(lock, flags)	do { (void)(lock); local_irq_save(flags); } while (0)
# define local_unlock_irqrestore(lock, flags)	do { (void)(lock); local_irq_restore(flags); } while (0)

#endif

#endif
