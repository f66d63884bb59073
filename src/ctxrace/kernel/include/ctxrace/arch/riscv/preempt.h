/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v6.19 include/asm-generic/preempt.h, which RISC-V uses: the count is the task's, and a load, a
 * computation and a store change it. An interrupt in between is harmless, as it puts the count back before it returns.
 */
#ifndef CTXRACE_RISCV_PREEMPT_H
#define CTXRACE_RISCV_PREEMPT_H

#include <ctxrace/compiler.h>
#include <ctxrace/sched.h>

static __always_inline int preempt_count(void)
{
	return READ_ONCE(current_thread_info()->preempt_count);
}

static __always_inline void __preempt_count_add(int value)
{
	current_thread_info()->preempt_count += value;
}

static __always_inline void __preempt_count_sub(int value)
{
	current_thread_info()->preempt_count -= value;
}

#endif
