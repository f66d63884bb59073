/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v6.19 include/linux/types.h, include/linux/stddef.h and include/uapi/linux/types.h.
 * As there, a 64-bit type is a long long on every architecture. Only what scenarios need is here.
 */
#ifndef CTXRACE_TYPES_H
#define CTXRACE_TYPES_H

typedef unsigned char		u8;
typedef unsigned short		u16;
typedef unsigned int		u32;
typedef unsigned long long	u64;
typedef signed char		s8;
typedef signed short		s16;
typedef signed int		s32;
typedef signed long long	s64;

typedef u8	__u8,  uint8_t;
typedef u16	__u16, uint16_t;
typedef u32	__u32, uint32_t;
typedef s8	__s8,  int8_t;
typedef s16	__s16, int16_t;
typedef s32	__s32, int32_t;
typedef u64	__u64;
typedef s64	__s64;
typedef __UINT64_TYPE__	uint64_t;	/* the compiler's, so that <stdint.h> may be included too */
typedef __INT64_TYPE__	int64_t;

typedef u16	__le16, __be16;
typedef u32	__le32, __be32;
typedef u64	__le64, __be64;

typedef _Bool			bool;
typedef __SIZE_TYPE__		size_t;
typedef __PTRDIFF_TYPE__	ptrdiff_t;
typedef signed long		ssize_t;
typedef __UINTPTR_TYPE__	uintptr_t;

enum { false = 0, true = 1 };

#ifndef NULL
# define NULL ((void *)0)
#endif

#ifndef offsetof
# define offsetof(type, member) __builtin_offsetof(type, member)
#endif

#define BITS_PER_BYTE	8
#define BITS_PER_LONG	(__SIZEOF_LONG__ * BITS_PER_BYTE)

_Static_assert(sizeof(u64) == 8 && sizeof(uint64_t) == 8 && sizeof(long) == sizeof(void *),
	       "integers have the kernel's sizes");

#endif
