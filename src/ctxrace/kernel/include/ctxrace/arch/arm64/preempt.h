/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v6.19 arch/arm64/include/asm/preempt.h: the count is the task's, and a load, a computation
 * and a store change it. An interrupt in between is harmless, as it puts the count back before it returns.
 */
#ifndef CTXRACE_ARM64_PREEMPT_H
#define CTXRACE_ARM64_PREEMPT_H

#include <ctxrace/compiler.h>
#include <ctxrace/sched.h>

static __always_inline int preempt_count(void)
{
	return (int)READ_ONCE(current_thread_info()->preempt.count);
}

static __always_inline void __preempt_count_add(int value)
{
	u32 count = READ_ONCE(current_thread_info()->preempt.count);

	WRITE_ONCE(current_thread_info()->preempt.count, count + (u32)value);
}

static __always_inline void __preempt_count_sub(int value)
{
	u32 count = READ_ONCE(current_thread_info()->preempt.count);

	WRITE_ONCE(current_thread_info()->preempt.count, count - (u32)value);
}

#endif
