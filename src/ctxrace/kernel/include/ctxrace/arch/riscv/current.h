/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v6.19 arch/riscv/include/asm/current.h: the running task is in tp, a register that compilers leave
 * alone. They know that it does not change, as a task is the same one before and after it was away.
 */
#ifndef CTXRACE_RISCV_CURRENT_H
#define CTXRACE_RISCV_CURRENT_H

#include <ctxrace/compiler.h>

struct task_struct;

register struct task_struct *riscv_current_is_tp __asm__("tp");

static __always_inline struct task_struct *get_current(void)
{
	return riscv_current_is_tp;
}

#endif
