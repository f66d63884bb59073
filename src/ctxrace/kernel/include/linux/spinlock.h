/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/spinlock.h, spinlock_api_smp.h, spinlock_rt.h and kernel/locking/spinlock_rt.c.
 * A lock is a word, taken by one atomic instruction and given back by a store with release; who finds it taken tries
 * again. It is one on one CPU, too, as in a kernel with CONFIG_SMP, which is all that arm64 has: a handler that spins
 * for a lock that is held below it spins for ever. (Without CONFIG_SMP a kernel's spin_lock() is preempt_disable()
 * alone. That is not here.) On PREEMPT_RT a raw_spinlock_t is the same, and a spinlock_t is a lock that a task sleeps
 * for: it leaves preemption and interrupts on, also as _irq and _irqsave, and nobody in a hardirq may take it. Whose
 * turn it is next, and priority inheritance, are not modelled: the context that runs next takes it.
 */
#ifndef CTXRACE_LINUX_SPINLOCK_H
#define CTXRACE_LINUX_SPINLOCK_H

#include <linux/atomic.h>
#include <ctxrace/bottom_half.h>
#include <ctxrace/irqflags.h>
#include <ctxrace/preempt.h>
#include <ctxrace/rcupdate.h>
#include <ctxrace/sched.h>
#include <linux/cleanup.h>
#include <linux/lockdep.h>

typedef struct raw_spinlock {
	struct lockdep_map dep_map;
} raw_spinlock_t;

#define __RAW_SPIN_LOCK_UNLOCKED(name)	(raw_spinlock_t){ { 0 } }
#define __RAW_SPIN_LOCK_INITIALIZER(name) { { 0 } }
#define DEFINE_RAW_SPINLOCK(name)	raw_spinlock_t name = __RAW_SPIN_LOCK_INITIALIZER(name)

static __always_inline bool ctxrace_take(struct lockdep_map *lock)
{
	return cmpxchg_acquire(&lock->taken, 0, 1) == 0;
}

static __always_inline void ctxrace_spin(struct lockdep_map *lock)
{
	while (!ctxrace_take(lock))
		cpu_relax();
}

static __always_inline void ctxrace_give_back(struct lockdep_map *lock)
{
	smp_store_release(&lock->taken, 0);
}

/* Both at once, and on PREEMPT_RT the first alone (include/linux/preempt.h, SOFTIRQ_LOCK_OFFSET). */
static __always_inline void ctxrace_lock_bh(void)
{
#if CTXRACE_PREEMPT_RT
	local_bh_disable();
#else
	preempt_count_add(SOFTIRQ_DISABLE_OFFSET + PREEMPT_OFFSET);
	barrier();
#endif
}

static __always_inline void ctxrace_unlock_bh(void)
{
#if CTXRACE_PREEMPT_RT
	local_bh_enable();
#else
	barrier();
	preempt_count_sub(SOFTIRQ_DISABLE_OFFSET + PREEMPT_OFFSET);
#endif
}

static __always_inline void raw_spin_lock_init(raw_spinlock_t *lock)
{
	WRITE_ONCE(lock->dep_map.taken, 0);
}

static __always_inline bool raw_spin_is_locked(raw_spinlock_t *lock)
{
	return READ_ONCE(lock->dep_map.taken) != 0;
}

static __always_inline void raw_spin_lock(raw_spinlock_t *lock)
{
	preempt_disable();
	ctxrace_spin(&lock->dep_map);
}

static __always_inline void raw_spin_unlock(raw_spinlock_t *lock)
{
	ctxrace_give_back(&lock->dep_map);
	preempt_enable();
}

static __always_inline int raw_spin_trylock(raw_spinlock_t *lock)
{
	preempt_disable();
	if (ctxrace_take(&lock->dep_map))
		return 1;
	preempt_enable();
	return 0;
}

static __always_inline void raw_spin_lock_irq(raw_spinlock_t *lock)
{
	local_irq_disable();
	raw_spin_lock(lock);
}

static __always_inline void raw_spin_unlock_irq(raw_spinlock_t *lock)
{
	ctxrace_give_back(&lock->dep_map);
	local_irq_enable();
	preempt_enable();
}

static __always_inline unsigned long ctxrace_raw_spin_lock_irqsave(raw_spinlock_t *lock)
{
	unsigned long flags;

	local_irq_save(flags);
	raw_spin_lock(lock);
	return flags;
}

static __always_inline void raw_spin_unlock_irqrestore(raw_spinlock_t *lock, unsigned long flags)
{
	ctxrace_give_back(&lock->dep_map);
	local_irq_restore(flags);
	preempt_enable();
}

static __always_inline int raw_spin_trylock_irq(raw_spinlock_t *lock)
{
	local_irq_disable();
	if (raw_spin_trylock(lock))
		return 1;
	local_irq_enable();
	return 0;
}

static __always_inline int ctxrace_raw_spin_trylock_irqsave(raw_spinlock_t *lock, unsigned long *flags)
{
	local_irq_save(*flags);
	if (raw_spin_trylock(lock))
		return 1;
	local_irq_restore(*flags);
	return 0;
}

static __always_inline void raw_spin_lock_bh(raw_spinlock_t *lock)
{
	ctxrace_lock_bh();
	ctxrace_spin(&lock->dep_map);
}

static __always_inline void raw_spin_unlock_bh(raw_spinlock_t *lock)
{
	ctxrace_give_back(&lock->dep_map);
	ctxrace_unlock_bh();
}

static __always_inline int raw_spin_trylock_bh(raw_spinlock_t *lock)
{
	ctxrace_lock_bh();
	if (ctxrace_take(&lock->dep_map))
		return 1;
	ctxrace_unlock_bh();
	return 0;
}

#define raw_spin_lock_irqsave(lock, flags)	do { (flags) = ctxrace_raw_spin_lock_irqsave(lock); } while (0)
#define raw_spin_trylock_irqsave(lock, flags)	ctxrace_raw_spin_trylock_irqsave(lock, &(flags))
#define raw_spin_lock_nested(lock, subclass)	raw_spin_lock(lock)
#define raw_spin_lock_irqsave_nested(lock, flags, subclass) raw_spin_lock_irqsave(lock, flags)
#define assert_raw_spin_locked(lock)		BUG_ON(!raw_spin_is_locked(lock))

#if CTXRACE_PREEMPT_RT

typedef struct spinlock {
	struct lockdep_map dep_map;
} spinlock_t;

# define __SPIN_LOCK_INITIALIZER(name)	{ { 0 } }

static __always_inline void spin_lock_init(spinlock_t *lock)
{
	WRITE_ONCE(lock->dep_map.taken, 0);
}

static __always_inline bool spin_is_locked(spinlock_t *lock)
{
	return READ_ONCE(lock->dep_map.taken) != 0;
}

static __always_inline void spin_lock(spinlock_t *lock)
{
	rtlock_might_resched();
	while (!ctxrace_take(&lock->dep_map))
		schedule_rtlock();
	rcu_read_lock();
	migrate_disable();
}

static __always_inline void spin_unlock(spinlock_t *lock)
{
	migrate_enable();
	ctxrace_give_back(&lock->dep_map);
	rcu_read_unlock();
}

static __always_inline int spin_trylock(spinlock_t *lock)
{
	if (!ctxrace_take(&lock->dep_map))
		return 0;
	rcu_read_lock();
	migrate_disable();
	return 1;
}

static __always_inline void spin_lock_bh(spinlock_t *lock)
{
	local_bh_disable();
	spin_lock(lock);
}

static __always_inline void spin_unlock_bh(spinlock_t *lock)
{
	spin_unlock(lock);
	local_bh_enable();
}

static __always_inline int spin_trylock_bh(spinlock_t *lock)
{
	local_bh_disable();
	if (spin_trylock(lock))
		return 1;
	local_bh_enable();
	return 0;
}

# define spin_lock_irq(lock)			spin_lock(lock)
# define spin_unlock_irq(lock)			spin_unlock(lock)
# define spin_trylock_irq(lock)			spin_trylock(lock)
# define spin_lock_irqsave(lock, flags)		do { (flags) = 0; spin_lock(lock); } while (0)
# define spin_unlock_irqrestore(lock, flags)	do { (void)(flags); spin_unlock(lock); } while (0)
# define spin_trylock_irqsave(lock, flags)	({ (flags) = 0; spin_trylock(lock); })

#else

typedef struct spinlock {
	union {
		struct raw_spinlock rlock;
		struct lockdep_map dep_map;
	};
} spinlock_t;

# define __SPIN_LOCK_INITIALIZER(name)	{ { { { 0 } } } }

# define spin_lock_init(lock)			raw_spin_lock_init(&(lock)->rlock)
# define spin_is_locked(lock)			raw_spin_is_locked(&(lock)->rlock)
# define spin_lock(lock)			raw_spin_lock(&(lock)->rlock)
# define spin_unlock(lock)			raw_spin_unlock(&(lock)->rlock)
# define spin_trylock(lock)			raw_spin_trylock(&(lock)->rlock)
# define spin_lock_irq(lock)			raw_spin_lock_irq(&(lock)->rlock)
# define spin_unlock_irq(lock)			raw_spin_unlock_irq(&(lock)->rlock)
# define spin_trylock_irq(lock)			raw_spin_trylock_irq(&(lock)->rlock)
# define spin_lock_irqsave(lock, flags)		raw_spin_lock_irqsave(&(lock)->rlock, flags)
# define spin_unlock_irqrestore(lock, flags)	raw_spin_unlock_irqrestore(&(lock)->rlock, flags)
# define spin_trylock_irqsave(lock, flags)	raw_spin_trylock_irqsave(&(lock)->rlock, flags)
# define spin_lock_bh(lock)			raw_spin_lock_bh(&(lock)->rlock)
# define spin_unlock_bh(lock)			raw_spin_unlock_bh(&(lock)->rlock)
# define spin_trylock_bh(lock)			raw_spin_trylock_bh(&(lock)->rlock)

#endif

#define __SPIN_LOCK_UNLOCKED(name)	(spinlock_t)__SPIN_LOCK_INITIALIZER(name)
#define DEFINE_SPINLOCK(name)		spinlock_t name = __SPIN_LOCK_INITIALIZER(name)
#define spin_lock_nested(lock, subclass)	spin_lock(lock)
#define spin_lock_irqsave_nested(lock, flags, subclass) spin_lock_irqsave(lock, flags)
#define assert_spin_locked(lock)	BUG_ON(!spin_is_locked(lock))
#define spin_is_contended(lock)		((void)(lock), 0)
#define spin_needbreak(lock)		((void)(lock), 0)

#include <linux/rwlock.h>

/* Take the lock where the count becomes 0 (lib/dec_and_lock.c). */
#define atomic_dec_and_lock(count, lock) ({			\
	bool __last = false;					\
	if (!atomic_add_unless(count, -1, 1)) {			\
		spin_lock(lock);				\
		__last = atomic_dec_and_test(count);		\
		if (!__last)					\
			spin_unlock(lock);			\
	}							\
	__last;							\
})

DEFINE_LOCK_GUARD_1(raw_spinlock, raw_spinlock_t, raw_spin_lock(_T->lock), raw_spin_unlock(_T->lock))
DEFINE_LOCK_GUARD_1_COND(raw_spinlock, _try, raw_spin_trylock(_T->lock))
DEFINE_LOCK_GUARD_1(raw_spinlock_nested, raw_spinlock_t, raw_spin_lock(_T->lock), raw_spin_unlock(_T->lock))
DEFINE_LOCK_GUARD_1(raw_spinlock_irq, raw_spinlock_t, raw_spin_lock_irq(_T->lock), raw_spin_unlock_irq(_T->lock))
DEFINE_LOCK_GUARD_1(raw_spinlock_bh, raw_spinlock_t, raw_spin_lock_bh(_T->lock), raw_spin_unlock_bh(_T->lock))
DEFINE_LOCK_GUARD_1(raw_spinlock_irqsave, raw_spinlock_t, raw_spin_lock_irqsave(_T->lock, _T->flags),
		    raw_spin_unlock_irqrestore(_T->lock, _T->flags), unsigned long flags)
DEFINE_LOCK_GUARD_1_COND(raw_spinlock_irqsave, _try, raw_spin_trylock_irqsave(_T->lock, _T->flags))
DEFINE_LOCK_GUARD_1(spinlock, spinlock_t, spin_lock(_T->lock), spin_unlock(_T->lock))
DEFINE_LOCK_GUARD_1_COND(spinlock, _try, spin_trylock(_T->lock))
DEFINE_LOCK_GUARD_1(spinlock_irq, spinlock_t, spin_lock_irq(_T->lock), spin_unlock_irq(_T->lock))
DEFINE_LOCK_GUARD_1(spinlock_bh, spinlock_t, spin_lock_bh(_T->lock), spin_unlock_bh(_T->lock))
DEFINE_LOCK_GUARD_1_COND(spinlock_bh, _try, spin_trylock_bh(_T->lock))
DEFINE_LOCK_GUARD_1(spinlock_irqsave, spinlock_t, spin_lock_irqsave(_T->lock, _T->flags),
		    spin_unlock_irqrestore(_T->lock, _T->flags), unsigned long flags)
DEFINE_LOCK_GUARD_1_COND(spinlock_irqsave, _try, spin_trylock_irqsave(_T->lock, _T->flags))

#endif
