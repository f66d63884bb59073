/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v6.19 include/linux/bottom_half.h and kernel/softirq.c. local_bh_enable() subtracts once and
 * runs no softirq itself: the tool lets one arrive at any instruction where they are on again. On PREEMPT_RT softirqs
 * are tasks, which bottom halves that are off do not keep away (since v6.18, without CONFIG_PREEMPT_RT_NEEDS_BH_LOCK).
 */
#ifndef CTXRACE_BOTTOM_HALF_H
#define CTXRACE_BOTTOM_HALF_H

#include <ctxrace/preempt.h>
#if CTXRACE_PREEMPT_RT && CTXRACE_RCU_GRACE_PERIODS
# include <ctxrace/rcu_readers.h>
#endif

static __always_inline void local_bh_disable(void)
{
#if CTXRACE_PREEMPT_RT
	migrate_disable();
# if CTXRACE_RCU_GRACE_PERIODS
	ctxrace_rcu_begin();	/* kernel/softirq.c, __local_bh_disable_ip: they are readers */
# endif
	current->softirq_disable_cnt += SOFTIRQ_DISABLE_OFFSET;
#else
	preempt_count_add(SOFTIRQ_DISABLE_OFFSET);
#endif
	barrier();
}

static __always_inline void local_bh_enable(void)
{
	barrier();
#if CTXRACE_PREEMPT_RT
	current->softirq_disable_cnt -= SOFTIRQ_DISABLE_OFFSET;
# if CTXRACE_RCU_GRACE_PERIODS
	ctxrace_rcu_end();
# endif
	migrate_enable();
#else
	preempt_count_sub(SOFTIRQ_DISABLE_OFFSET);
#endif
}

#endif
