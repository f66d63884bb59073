/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v6.19 include/linux/bottom_half.h and kernel/softirq.c. local_bh_enable() subtracts once and
 * runs no softirq itself: the tool lets one arrive at any instruction where they are on again.
 */
#ifndef CTXRACE_BOTTOM_HALF_H
#define CTXRACE_BOTTOM_HALF_H

#include <ctxrace/preempt.h>

static __always_inline void local_bh_disable(void)
{
	preempt_count_add(SOFTIRQ_DISABLE_OFFSET);
	barrier();
}

static __always_inline void local_bh_enable(void)
{
	barrier();
	preempt_count_sub(SOFTIRQ_DISABLE_OFFSET);
}

#endif
