/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v6.19 arch/x86/include/asm/thread_info.h: the flags. The preempt count is elsewhere (preempt.h).
 */
#ifndef CTXRACE_X86_THREAD_INFO_H
#define CTXRACE_X86_THREAD_INFO_H

#include <ctxrace/types.h>

struct thread_info {
	unsigned long flags;
	unsigned long ctxrace_reserved;	/* where the tool keeps this task's __preempt_count */
};

#endif
