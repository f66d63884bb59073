/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v6.19 arch/x86/include/asm/preempt.h: the count is a per-CPU variable, and one instruction
 * changes it. There its highest bit says, inverted, that another task should run, so that one comparison with 0 answers
 * both questions; here that bit is left out, as nothing sets it, and the count of an idle CPU is 0 and not 1 << 31.
 */
#ifndef CTXRACE_X86_PREEMPT_H
#define CTXRACE_X86_PREEMPT_H

#include <ctxrace/arch/x86/segment.h>
#include <ctxrace/compiler.h>
#include <ctxrace/types.h>

#ifndef CTXRACE_NOT_RESCHEDULED	/* PREEMPT_NEED_RESCHED, in a count that has it */
# define CTXRACE_NOT_RESCHEDULED 0
#endif

/* Weak, so that every object may bring it. The tool keeps it with the task that runs. */
__weak __section(".data..percpu") int __preempt_count;

static __always_inline int preempt_count(void)
{
	return (int)((u32)x86_raw_read_32(&__preempt_count) & ~CTXRACE_NOT_RESCHEDULED);
}

static __always_inline void __preempt_count_add(int value)
{
	x86_raw_add_32(&__preempt_count, (unsigned long)value);
}

static __always_inline void __preempt_count_sub(int value)
{
	x86_raw_add_32(&__preempt_count, -(unsigned long)value);
}

#endif
