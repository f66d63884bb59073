/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v6.19 arch/riscv/include/asm/thread_info.h: the flags, the preempt count, the CPU's number.
 * The tool reads the count at offset 8.
 */
#ifndef CTXRACE_RISCV_THREAD_INFO_H
#define CTXRACE_RISCV_THREAD_INFO_H

#include <ctxrace/macros.h>

struct thread_info {
	unsigned long flags;
	int preempt_count;
	int cpu;
};

static_assert(offsetof(struct thread_info, preempt_count) == 8);

#endif
