/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/rcupdate.h, beyond what ctxrace/rcupdate.h has. Whether somebody is a reader is not
 * known: the questions of lockdep are answered with yes. synchronize_rcu() is there where readers are counted
 * (CTXRACE_RCU_GRACE_PERIODS=1), or have preemption off (CTXRACE_PREEMPT_RCU=0) on the one CPU that there is. Elsewhere it
 * is declared only, as call_rcu() and kfree_rcu() are: who calls one defines it, or is told that it is missing.
 */
#ifndef CTXRACE_LINUX_RCUPDATE_H
#define CTXRACE_LINUX_RCUPDATE_H

#include <ctxrace/rcupdate.h>
#include <linux/cleanup.h>
#include <linux/types.h>

#define rcu_read_lock_held()			1
#define rcu_read_lock_bh_held()			1
#define rcu_read_lock_sched_held()		(!preemptible())
#define rcu_read_lock_any_held()		1
#define RCU_LOCKDEP_WARN(condition, text)	do { if (0) (void)(condition); } while (0)

#define rcu_dereference_raw(pointer)		READ_ONCE(pointer)
#define rcu_dereference_bh(pointer)		READ_ONCE(pointer)
#define rcu_dereference_bh_check(pointer, condition)	rcu_dereference_check(pointer, condition)
#define rcu_dereference_sched_check(pointer, condition)	rcu_dereference_check(pointer, condition)
#define rcu_pointer_handoff(pointer)		(pointer)
#define RCU_INITIALIZER(value)			(value)
#define rcu_replace_pointer(pointer, value, condition) ({	\
	__typeof__(pointer) __replaced = rcu_dereference_protected(pointer, condition); \
	rcu_assign_pointer(pointer, value);			\
	__replaced;						\
})

#if CTXRACE_PREEMPT_RCU && CTXRACE_RCU_GRACE_PERIODS
static __always_inline void synchronize_rcu(void)
{
	ctxrace_rcu_grace_period();
}
#elif !CTXRACE_PREEMPT_RCU && !CTXRACE_SMP
/* Who runs here has no reader below it: a reader cannot be preempted, and an interrupt's has ended. */
static __always_inline void synchronize_rcu(void)
{
	(schedule)();
}
#else
void synchronize_rcu(void);
#endif
#define synchronize_rcu_expedited()	synchronize_rcu()
#define synchronize_net()		synchronize_rcu()
void rcu_barrier(void);
void call_rcu(struct callback_head *head, void (*function)(struct callback_head *head));
void kvfree_call_rcu(struct callback_head *head, void *pointer);
#define kfree_rcu(pointer, member)		kvfree_call_rcu(&(pointer)->member, (pointer))

DEFINE_LOCK_GUARD_0(rcu, rcu_read_lock(), rcu_read_unlock())

#endif
