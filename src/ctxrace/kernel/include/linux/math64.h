/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/math64.h on 64-bit machines: divisions.
 */
#ifndef CTXRACE_LINUX_MATH64_H
#define CTXRACE_LINUX_MATH64_H

#include <linux/types.h>

#define div64_u64(dividend, divisor)	((u64)(dividend) / (u64)(divisor))
#define div64_s64(dividend, divisor)	((s64)(dividend) / (s64)(divisor))
#define div_u64(dividend, divisor)	((u64)(dividend) / (u32)(divisor))
#define div_s64(dividend, divisor)	((s64)(dividend) / (s32)(divisor))
#define div_u64_rem(dividend, divisor, rest) ({		\
	u64 __dividend = (dividend);			\
	u32 __divisor = (divisor);			\
	*(rest) = (u32)(__dividend % __divisor);	\
	__dividend / __divisor;				\
})

#endif
