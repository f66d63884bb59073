/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/local_lock.h and local_lock_internal.h: on PREEMPT_RT a lock for each CPU that
 * a task sleeps for, elsewhere no lock but preemption off. A local_trylock_t also says whether it is taken, for an
 * interrupt over its owner. Whose turn is next, and priority inheritance, are not modelled.
 */
#ifndef CTXRACE_LOCAL_LOCK_H
#define CTXRACE_LOCAL_LOCK_H

#include <ctxrace/atomic.h>
#include <ctxrace/bug.h>
#include <ctxrace/percpu.h>
#include <ctxrace/preempt.h>
#include <ctxrace/rcupdate.h>
#include <ctxrace/sched.h>

typedef struct local_lock {
	int taken;
} local_lock_t;
typedef struct local_trylock {
	int taken;
} local_trylock_t;

#define INIT_LOCAL_LOCK(name)	{ 0 }
#define INIT_LOCAL_TRYLOCK(name) { 0 }
#define local_lock_init(lock)	WRITE_ONCE((lock)->taken, 0)
#define local_trylock_init(lock) WRITE_ONCE((lock)->taken, 0)

#if CTXRACE_PREEMPT_RT

static __always_inline void ctxrace_local_lock(int __percpu *taken)
{
	migrate_disable();
	rtlock_might_resched();
	while (cmpxchg(raw_cpu_ptr(taken), 0, 1))
		schedule_rtlock();
}

static __always_inline void ctxrace_local_unlock(int __percpu *taken)
{
	smp_store_release(raw_cpu_ptr(taken), 0);
	migrate_enable();
}

static __always_inline bool ctxrace_local_trylock(int __percpu *taken)
{
	if (in_nmi() || in_hardirq())
		return false;
	migrate_disable();
	if (!cmpxchg(raw_cpu_ptr(taken), 0, 1))
		return true;
	migrate_enable();
	return false;
}

# define local_lock(lock)		ctxrace_local_lock(&(lock)->taken)
# define local_unlock(lock)		ctxrace_local_unlock(&(lock)->taken)
# define local_lock_irq(lock)		local_lock(lock)
# define local_unlock_irq(lock)		local_unlock(lock)
# define local_lock_irqsave(lock, flags)	do { (flags) = 0; local_lock(lock); } while (0)
# define local_unlock_irqrestore(lock, flags)	do { (void)(flags); local_unlock(lock); } while (0)
# define local_trylock(lock)		ctxrace_local_trylock(&(lock)->taken)
# define local_trylock_irqsave(lock, flags)	({ (flags) = 0; local_trylock(lock); })
# define local_lock_nested_bh(lock) do {		\
	int *__taken = &this_cpu_ptr(lock)->taken;	\
	WARN_ON(!in_softirq());				\
	rtlock_might_resched();				\
	while (cmpxchg(__taken, 0, 1))			\
		schedule_rtlock();			\
} while (0)
# define local_unlock_nested_bh(lock)	smp_store_release(&this_cpu_ptr(lock)->taken, 0)

#else

/* Of a local_trylock_t: it is free when it is taken, and taken when it is given back. Of a local_lock_t: nothing. */
static __always_inline void ctxrace_local_mark(int *taken, int now)
{
	WARN_ON(READ_ONCE(*taken) == now);
	WRITE_ONCE(*taken, now);
}

# define CTXRACE_LOCAL_MARK(lock, now)							\
	_Generic((lock),								\
		local_trylock_t *: ctxrace_local_mark(&this_cpu_ptr(lock)->taken, now),	\
		default: (void)(lock))

# define local_lock(lock)		do { preempt_disable(); CTXRACE_LOCAL_MARK(lock, 1); } while (0)
# define local_unlock(lock)		do { CTXRACE_LOCAL_MARK(lock, 0); preempt_enable(); } while (0)
# define local_lock_irq(lock)		do { local_irq_disable(); CTXRACE_LOCAL_MARK(lock, 1); } while (0)
# define local_unlock_irq(lock)		do { CTXRACE_LOCAL_MARK(lock, 0); local_irq_enable(); } while (0)
# define local_lock_irqsave(lock, flags)	do { local_irq_save(flags); CTXRACE_LOCAL_MARK(lock, 1); } while (0)
# define local_unlock_irqrestore(lock, flags)	do { CTXRACE_LOCAL_MARK(lock, 0); local_irq_restore(flags); } while (0)

static __always_inline bool ctxrace_local_take(int __percpu *taken)
{
	int *mine = this_cpu_ptr(taken);

	if (READ_ONCE(*mine))
		return false;
	WRITE_ONCE(*mine, 1);
	return true;
}

# define local_trylock(lock) ({					\
	bool __taken;						\
	preempt_disable();					\
	__taken = ctxrace_local_take(&(lock)->taken);		\
	if (!__taken)						\
		preempt_enable();				\
	__taken;						\
})
# define local_trylock_irqsave(lock, flags) ({			\
	bool __taken;						\
	local_irq_save(flags);					\
	__taken = ctxrace_local_take(&(lock)->taken);		\
	if (!__taken)						\
		local_irq_restore(flags);			\
	__taken;						\
})
# define local_lock_nested_bh(lock)	do { (void)(lock); WARN_ON(!in_softirq()); } while (0)
# define local_unlock_nested_bh(lock)	do { (void)(lock); } while (0)

#endif

#define local_lock_is_locked(lock)	(READ_ONCE(this_cpu_ptr(lock)->taken) != 0)

#endif
