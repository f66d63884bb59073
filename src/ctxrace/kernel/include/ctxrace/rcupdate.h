/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v6.19 include/linux/rcupdate.h: the readers' side and the publishing of pointers. Grace
 * periods are only modelled with CTXRACE_RCU_GRACE_PERIODS (rcu_readers.h). With CTXRACE_PREEMPT_RCU (the default) a read-side critical section is only an
 * order for the compiler, as no property asks how deep it is nested; without, it turns preemption off.
 */
#ifndef CTXRACE_RCUPDATE_H
#define CTXRACE_RCUPDATE_H

#include <ctxrace/barrier.h>
#include <ctxrace/bottom_half.h>
#include <ctxrace/config.h>
#include <ctxrace/preempt.h>
#if CTXRACE_RCU_GRACE_PERIODS
# include <ctxrace/rcu_readers.h>
#endif

static __always_inline void rcu_read_lock(void)
{
#if CTXRACE_PREEMPT_RCU && CTXRACE_RCU_GRACE_PERIODS
	ctxrace_rcu_begin();
#elif CTXRACE_PREEMPT_RCU
	barrier();
#else
	preempt_disable();
#endif
}

static __always_inline void rcu_read_unlock(void)
{
#if CTXRACE_PREEMPT_RCU && CTXRACE_RCU_GRACE_PERIODS
	ctxrace_rcu_end();
#elif CTXRACE_PREEMPT_RCU
	barrier();
#else
	preempt_enable();
#endif
}

#define rcu_read_lock_sched()		preempt_disable()
#define rcu_read_unlock_sched()		preempt_enable()
#define rcu_read_lock_sched_notrace()	preempt_disable_notrace()
#define rcu_read_unlock_sched_notrace()	preempt_enable_notrace()
#define rcu_read_lock_bh()		local_bh_disable()
#define rcu_read_unlock_bh()		local_bh_enable()
#define rcu_read_lock_trace()		barrier()
#define rcu_read_unlock_trace()		barrier()

#define rcu_access_pointer(pointer)		READ_ONCE(pointer)
#define rcu_dereference(pointer)		READ_ONCE(pointer)
#define rcu_dereference_check(pointer, condition) ((void)sizeof(!!(condition)), READ_ONCE(pointer))
#define rcu_dereference_sched(pointer)		READ_ONCE(pointer)
#define rcu_dereference_protected(pointer, condition) ((void)sizeof(!!(condition)), (pointer))

#define RCU_INIT_POINTER(pointer, value)	WRITE_ONCE(pointer, value)
#define rcu_assign_pointer(pointer, value)	smp_store_release(&(pointer), value)

#endif
