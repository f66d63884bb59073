/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/hash.h: a multiplication by a large odd number, of which the upper bits are
 * taken.
 */
#ifndef CTXRACE_LINUX_HASH_H
#define CTXRACE_LINUX_HASH_H

#include <linux/compiler.h>
#include <linux/types.h>

#define GOLDEN_RATIO_32	0x61C88647U
#define GOLDEN_RATIO_64	0x61C8864680B583EBULL

static __always_inline u32 hash_32(u32 value, unsigned int bits)
{
	return value * GOLDEN_RATIO_32 >> (32 - bits);
}

static __always_inline u32 hash_64(u64 value, unsigned int bits)
{
	return (u32)(value * GOLDEN_RATIO_64 >> (64 - bits));
}
#define hash_long(value, bits)	hash_64(value, bits)
#define hash_ptr(pointer, bits)	hash_64((unsigned long)(pointer), bits)

#endif
