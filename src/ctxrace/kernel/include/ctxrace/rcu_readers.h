/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counts the readers of preemptible RCU, for synchronize_rcu(): only with CTXRACE_RCU_GRACE_PERIODS=1, as each count
 * is an event. Stands for Linux v7.2 kernel/rcu/tree_plugin.h (rcu_preempt_depth) and tree.c: a task's depth is in
 * its task_struct; of all readers, each is in one of two counts, and a grace period lets those who come later use the
 * other one. An interrupt's reader is not counted: on one CPU it has ended before any task goes on.
 */
#ifndef CTXRACE_CTXRACE_RCU_READERS_H
#define CTXRACE_CTXRACE_RCU_READERS_H

#include <ctxrace/atomic.h>
#include <ctxrace/preempt.h>
#include <ctxrace/sched.h>

/* Weak, so that every object may bring them. */
__weak unsigned int ctxrace_rcu_index;
__weak unsigned int ctxrace_rcu_waiting;
__weak atomic_t ctxrace_rcu_readers[2];

static __always_inline bool ctxrace_rcu_counts(void)
{
	return !(preempt_count() & (NMI_MASK | HARDIRQ_MASK | SOFTIRQ_OFFSET));
}

static __always_inline void ctxrace_rcu_begin(void)
{
	if (!ctxrace_rcu_counts())
		return;
	if (!current->rcu_read_lock_nesting++) {
		current->ctxrace_rcu_index = READ_ONCE(ctxrace_rcu_index);
		atomic_inc(&ctxrace_rcu_readers[current->ctxrace_rcu_index]);
	}
	barrier();
}

static __always_inline void ctxrace_rcu_end(void)
{
	barrier();
	if (!ctxrace_rcu_counts())
		return;
	if (current->rcu_read_lock_nesting == 1)
		atomic_dec(&ctxrace_rcu_readers[current->ctxrace_rcu_index]);
	current->rcu_read_lock_nesting--;
}

static __always_inline void ctxrace_rcu_wait(unsigned int index)
{
	while (atomic_read(&ctxrace_rcu_readers[index]))
		schedule();
}

/* A reader may have read the index and not counted itself yet: so both counts are seen empty, one after the other. */
static __always_inline void ctxrace_rcu_grace_period(void)
{
	unsigned int index;

	might_sleep();
	while (xchg(&ctxrace_rcu_waiting, 1))	/* one grace period after the other */
		schedule();
	index = READ_ONCE(ctxrace_rcu_index);
	ctxrace_rcu_wait(!index);
	WRITE_ONCE(ctxrace_rcu_index, !index);
	smp_mb();
	ctxrace_rcu_wait(index);
	smp_store_release(&ctxrace_rcu_waiting, 0);
}

#endif
