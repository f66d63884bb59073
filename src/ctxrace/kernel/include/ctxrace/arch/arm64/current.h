/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v6.19 arch/arm64/include/asm/current.h: the running task is in sp_el0. Not volatile, as a
 * task is the same one before and after it was away.
 */
#ifndef CTXRACE_ARM64_CURRENT_H
#define CTXRACE_ARM64_CURRENT_H

#include <ctxrace/compiler.h>

struct task_struct;

static __always_inline struct task_struct *get_current(void)
{
	unsigned long task;

	__asm__("mrs %0, sp_el0" : "=r" (task));
	return (struct task_struct *)task;
}

#endif
