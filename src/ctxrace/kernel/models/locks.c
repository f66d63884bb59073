/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's locks as objects call them, where neither the objects nor a harness define them. Each stands for the
 * function of its name in Linux v7.2 kernel/locking/spinlock.c, qspinlock.c or mutex.c, and does what our header of that
 * lock does: a lock is the word at its beginning.
 */
#include "model.h"
#include <linux/mutex.h>
#include <linux/rwlock.h>
#include <linux/spinlock.h>

MODEL(void, _raw_spin_lock, (raw_spinlock_t *lock)) { raw_spin_lock(lock); }
MODEL(void, _raw_spin_lock_nested, (raw_spinlock_t *lock, int subclass)) { (void)subclass; raw_spin_lock(lock); }
MODEL(void, _raw_spin_lock_irq, (raw_spinlock_t *lock)) { raw_spin_lock_irq(lock); }
MODEL(void, _raw_spin_lock_bh, (raw_spinlock_t *lock)) { raw_spin_lock_bh(lock); }
MODEL(int, _raw_spin_trylock, (raw_spinlock_t *lock)) { return raw_spin_trylock(lock); }
MODEL(int, _raw_spin_trylock_bh, (raw_spinlock_t *lock)) { return raw_spin_trylock_bh(lock); }
MODEL(void, _raw_spin_unlock, (raw_spinlock_t *lock)) { raw_spin_unlock(lock); }
MODEL(void, _raw_spin_unlock_irq, (raw_spinlock_t *lock)) { raw_spin_unlock_irq(lock); }
MODEL(void, _raw_spin_unlock_bh, (raw_spinlock_t *lock)) { raw_spin_unlock_bh(lock); }
MODEL(unsigned long, _raw_spin_lock_irqsave, (raw_spinlock_t *lock))
{
	unsigned long flags;

	raw_spin_lock_irqsave(lock, flags);
	return flags;
}
MODEL(void, _raw_spin_unlock_irqrestore, (raw_spinlock_t *lock, unsigned long flags))
{
	raw_spin_unlock_irqrestore(lock, flags);
}

/* What is inline has found the lock taken, with preemption off: it only waits (include/asm-generic/qspinlock.h). */
MODEL(void, queued_spin_lock_slowpath, (raw_spinlock_t *lock, u32 value))
{
	(void)value;
	ctxrace_spin(&lock->dep_map);
}

MODEL(void, _raw_read_lock, (rwlock_t *lock)) { read_lock(lock); }
MODEL(void, _raw_read_lock_irq, (rwlock_t *lock)) { read_lock_irq(lock); }
MODEL(void, _raw_read_lock_bh, (rwlock_t *lock)) { read_lock_bh(lock); }
MODEL(void, _raw_read_unlock, (rwlock_t *lock)) { read_unlock(lock); }
MODEL(void, _raw_read_unlock_irq, (rwlock_t *lock)) { read_unlock_irq(lock); }
MODEL(void, _raw_read_unlock_bh, (rwlock_t *lock)) { read_unlock_bh(lock); }
MODEL(void, _raw_write_lock, (rwlock_t *lock)) { write_lock(lock); }
MODEL(void, _raw_write_lock_irq, (rwlock_t *lock)) { write_lock_irq(lock); }
MODEL(void, _raw_write_lock_bh, (rwlock_t *lock)) { write_lock_bh(lock); }
MODEL(void, _raw_write_unlock, (rwlock_t *lock)) { write_unlock(lock); }
MODEL(void, _raw_write_unlock_irq, (rwlock_t *lock)) { write_unlock_irq(lock); }
MODEL(void, _raw_write_unlock_bh, (rwlock_t *lock)) { write_unlock_bh(lock); }

/* The word is that of `owner`, which comes first (include/linux/mutex_types.h). */
MODEL(void, mutex_lock, (struct mutex *lock)) { mutex_lock(lock); }
MODEL(int, mutex_trylock, (struct mutex *lock)) { return cmpxchg_acquire(&lock->dep_map.taken, 0, 1) == 0; }
MODEL(void, mutex_unlock, (struct mutex *lock)) { smp_store_release(&lock->dep_map.taken, 0); }
