/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v6.19 arch/x86/include/asm/current.h: the running task is in a per-CPU variable. The compiler
 * is not told that memory is read, as a task is the same one before and after it was away.
 */
#ifndef CTXRACE_X86_CURRENT_H
#define CTXRACE_X86_CURRENT_H

#include <ctxrace/compiler.h>

struct task_struct;

/* Weak, so that every object may bring it. */
__weak __section(".data..percpu") struct task_struct *current_task;

static __always_inline struct task_struct *get_current(void)
{
	struct task_struct *task;

	__asm__("movq	%%gs:current_task(%%rip), %0" : "=r" (task));
	return task;
}

#endif
