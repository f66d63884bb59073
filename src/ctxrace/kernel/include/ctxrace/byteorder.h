/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v6.19 include/linux/byteorder/generic.h: values to and from a stated byte order.
 * Without sparse's __bitwise, so that mixing up the orders is not noticed.
 */
#ifndef CTXRACE_BYTEORDER_H
#define CTXRACE_BYTEORDER_H

#include <ctxrace/types.h>

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
# define CTXRACE_LE(bits, value) ((u##bits)(value))
# define CTXRACE_BE(bits, value) ((u##bits)__builtin_bswap##bits(value))
#else
# define CTXRACE_LE(bits, value) ((u##bits)__builtin_bswap##bits(value))
# define CTXRACE_BE(bits, value) ((u##bits)(value))
#endif

#define le16_to_cpu(value)	CTXRACE_LE(16, value)
#define le32_to_cpu(value)	CTXRACE_LE(32, value)
#define le64_to_cpu(value)	CTXRACE_LE(64, value)
#define cpu_to_le16(value)	CTXRACE_LE(16, value)
#define cpu_to_le32(value)	CTXRACE_LE(32, value)
#define cpu_to_le64(value)	CTXRACE_LE(64, value)

#define be16_to_cpu(value)	CTXRACE_BE(16, value)
#define be32_to_cpu(value)	CTXRACE_BE(32, value)
#define be64_to_cpu(value)	CTXRACE_BE(64, value)
#define cpu_to_be16(value)	CTXRACE_BE(16, value)
#define cpu_to_be32(value)	CTXRACE_BE(32, value)
#define cpu_to_be64(value)	CTXRACE_BE(64, value)

#endif
