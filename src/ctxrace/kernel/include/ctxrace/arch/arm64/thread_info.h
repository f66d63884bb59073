/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v6.19 arch/arm64/include/asm/thread_info.h: the flags and the count, at the kernel's
 * offsets (without software PAN). need_resched is never set here; it is what makes the count 64 bits wide.
 */
#ifndef CTXRACE_ARM64_THREAD_INFO_H
#define CTXRACE_ARM64_THREAD_INFO_H

#include <ctxrace/macros.h>
#include <ctxrace/types.h>

struct thread_info {
	unsigned long flags;
	union {
		u64 preempt_count;
		struct {
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
			u32 need_resched;
			u32 count;
#else
			u32 count;
			u32 need_resched;
#endif
		} preempt;
	};
};

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
static_assert(offsetof(struct thread_info, preempt.count) == 8);
#endif

#endif
