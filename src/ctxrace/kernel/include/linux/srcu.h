/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/srcu.h and kernel/rcu/srcutree.c: readers are counted, in one of two counts,
 * and synchronize_srcu() sleeps until all who were in their sections have left them: it lets those who come later use
 * the other count. The counts are one for all CPUs. Callbacks (call_srcu()) are declared only.
 */
#ifndef CTXRACE_LINUX_SRCU_H
#define CTXRACE_LINUX_SRCU_H

#include <linux/mutex.h>
#include <linux/rcupdate.h>

struct srcu_struct {
	unsigned int index;
	atomic_t readers[2];
	struct mutex mutex;
};

#define __SRCU_STRUCT_INIT(name)	{ .index = 0 }
#define DEFINE_SRCU(name)		struct srcu_struct name = __SRCU_STRUCT_INIT(name)
#define DEFINE_STATIC_SRCU(name)	static struct srcu_struct name = __SRCU_STRUCT_INIT(name)

static __always_inline int init_srcu_struct(struct srcu_struct *ssp)
{
	ssp->index = 0;
	atomic_set(&ssp->readers[0], 0);
	atomic_set(&ssp->readers[1], 0);
	mutex_init(&ssp->mutex);
	return 0;
}
#define cleanup_srcu_struct(ssp)	do { (void)(ssp); } while (0)

static __always_inline int srcu_read_lock(struct srcu_struct *ssp)
{
	unsigned int index = READ_ONCE(ssp->index) & 1;

	atomic_inc(&ssp->readers[index]);
	smp_mb();
	return (int)index;
}

static __always_inline void srcu_read_unlock(struct srcu_struct *ssp, int index)
{
	smp_mb();
	atomic_dec(&ssp->readers[index]);
}
#define srcu_read_lock_nmisafe(ssp)		srcu_read_lock(ssp)
#define srcu_read_unlock_nmisafe(ssp, index)	srcu_read_unlock(ssp, index)
#define srcu_read_lock_notrace(ssp)		srcu_read_lock(ssp)
#define srcu_read_unlock_notrace(ssp, index)	srcu_read_unlock(ssp, index)
#define srcu_read_lock_held(ssp)		1
#define srcu_dereference(pointer, ssp)		READ_ONCE(pointer)
#define srcu_dereference_check(pointer, ssp, condition) READ_ONCE(pointer)

/* A reader may have read the index and not counted itself yet: so both counts are seen empty, one after the other. */
static __always_inline void ctxrace_wait_for_readers(struct srcu_struct *ssp, unsigned int index)
{
	while (atomic_read(&ssp->readers[index]))
		(schedule)();
	smp_mb();
}

static __always_inline void synchronize_srcu(struct srcu_struct *ssp)
{
	unsigned int index;

	might_sleep();
	mutex_lock(&ssp->mutex);
	smp_mb();
	index = ssp->index & 1;
	ctxrace_wait_for_readers(ssp, !index);
	WRITE_ONCE(ssp->index, !index);
	smp_mb();
	ctxrace_wait_for_readers(ssp, index);
	mutex_unlock(&ssp->mutex);
}
#define synchronize_srcu_expedited(ssp)	synchronize_srcu(ssp)

void call_srcu(struct srcu_struct *ssp, struct callback_head *head, void (*function)(struct callback_head *head));
void srcu_barrier(struct srcu_struct *ssp);

DEFINE_LOCK_GUARD_1(srcu, struct srcu_struct, _T->index = srcu_read_lock(_T->lock),
		    srcu_read_unlock(_T->lock, _T->index), int index)

#endif
