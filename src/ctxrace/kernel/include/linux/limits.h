/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/limits.h and include/vdso/limits.h.
 */
#ifndef CTXRACE_LINUX_LIMITS_H
#define CTXRACE_LINUX_LIMITS_H

#define SCHAR_MAX	((signed char)0x7f)
#define SHRT_MAX	((short)0x7fff)
#define INT_MAX		((int)(~0U >> 1))
#define INT_MIN		(-INT_MAX - 1)
#define UINT_MAX	(~0U)
#define LONG_MAX	((long)(~0UL >> 1))
#define LONG_MIN	(-LONG_MAX - 1)
#define ULONG_MAX	(~0UL)
#define LLONG_MAX	((long long)(~0ULL >> 1))
#define LLONG_MIN	(-LLONG_MAX - 1)
#define ULLONG_MAX	(~0ULL)
#define U8_MAX		((u8)~0U)
#define S8_MAX		((s8)0x7f)
#define U16_MAX		((u16)~0U)
#define S16_MAX		((s16)0x7fff)
#define U32_MAX		((u32)~0U)
#define S32_MAX		((s32)(U32_MAX >> 1))
#define U64_MAX		((u64)~0ULL)
#define S64_MAX		((s64)(U64_MAX >> 1))
#define SIZE_MAX	(~(size_t)0)

#endif
