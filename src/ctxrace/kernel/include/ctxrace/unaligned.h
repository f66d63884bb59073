/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v6.19 include/linux/unaligned.h. As there, the access goes through a packed structure:
 * one plain load or store where the architecture may access unaligned memory, several where it may not.
 */
#ifndef CTXRACE_UNALIGNED_H
#define CTXRACE_UNALIGNED_H

#include <ctxrace/byteorder.h>
#include <ctxrace/compiler.h>

#define CTXRACE_UNALIGNED(bits, order)							\
struct ctxrace_unaligned_##order##bits { u##bits value; } __packed __may_alias;		\
static __always_inline u##bits get_unaligned_##order##bits(const void *pointer)		\
{											\
	return order##bits##_to_cpu(							\
		((const struct ctxrace_unaligned_##order##bits *)pointer)->value);	\
}											\
static __always_inline void put_unaligned_##order##bits(u##bits value, void *pointer)	\
{											\
	((struct ctxrace_unaligned_##order##bits *)pointer)->value =			\
		cpu_to_##order##bits(value);						\
}

CTXRACE_UNALIGNED(16, le)
CTXRACE_UNALIGNED(32, le)
CTXRACE_UNALIGNED(64, le)
CTXRACE_UNALIGNED(16, be)
CTXRACE_UNALIGNED(32, be)
CTXRACE_UNALIGNED(64, be)

#undef CTXRACE_UNALIGNED

#endif
