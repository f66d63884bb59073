/* SPDX-License-Identifier: GPL-2.0-only */
/* The plainest locks there are, for the examples of this folder: a word that is 1 while somebody holds it. */
#include <ctxrace/kernel.h>

static __always_inline void acquire(int *word)
{
	while (xchg(word, 1))
		barrier();
}

static __always_inline void release(int *word)
{
	smp_store_release(word, 0);
}

/* As spin_lock(): whoever holds it is not preempted. */
static __always_inline void lock(int *word)
{
	preempt_disable();
	acquire(word);
}

static __always_inline void unlock(int *word)
{
	release(word);
	preempt_enable();
}

/* As spin_lock_irqsave(): nor interrupted by what takes the same lock. */
static __always_inline unsigned long lock_irqsave(int *word)
{
	unsigned long flags;

	local_irq_save(flags);
	lock(word);
	return flags;
}

static __always_inline void unlock_irqrestore(int *word, unsigned long flags)
{
	unlock(word);
	local_irq_restore(flags);
}
