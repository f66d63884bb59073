/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for the operations of Linux v6.19 arch/x86/include/asm/percpu.h: GS holds how far this CPU's copies of the
 * per-CPU variables are, so that one instruction finds a variable and changes it. No lock prefix: other CPUs do
 * not touch the copy, and an interrupt comes before or after an instruction, never inside.
 *
 * x86_this_<op>_<bits>() is volatile, x86_raw_<op>_<bits>() leaves the compiler more freedom. Pointers are to the
 * section's own variable.
 */
#ifndef CTXRACE_X86_SEGMENT_H
#define CTXRACE_X86_SEGMENT_H

#include <ctxrace/compiler.h>
#include <ctxrace/types.h>

/* How a size is spelled: the letter after the instruction, and what an operand may be ("e": 32 bits, signed). */
#define X86_SIZE_8	"b"
#define X86_SIZE_16	"w"
#define X86_SIZE_32	"l"
#define X86_SIZE_64	"q"
#define X86_OPERAND_8	"qi"
#define X86_OPERAND_16	"ri"
#define X86_OPERAND_32	"ri"
#define X86_OPERAND_64	"re"

#define X86_GS_CHANGE(prefix, qualifier, name, instruction, bits)				\
static __always_inline void x86_##prefix##_##name##_##bits(void *p, unsigned long v)		\
{												\
	__asm__ qualifier(instruction X86_SIZE_##bits "	%[v], %%gs:%[at]"			\
		: [at] "+m" (CTXRACE_MEMORY(bits, p))						\
		: [v] X86_OPERAND_##bits ((u##bits)v)						\
		: "cc");									\
}

#define X86_GS(prefix, qualifier, bits)								\
static __always_inline unsigned long x86_##prefix##_read_##bits(void *p)			\
{												\
	u##bits value;										\
												\
	__asm__ qualifier("mov" X86_SIZE_##bits "	%%gs:%[at], %[value]"			\
		: [value] "=q" (value)								\
		: [at] "m" (CTXRACE_MEMORY(bits, p)));						\
	return value;										\
}												\
static __always_inline void x86_##prefix##_write_##bits(void *p, unsigned long v)		\
{												\
	__asm__ qualifier("mov" X86_SIZE_##bits "	%[v], %%gs:%[at]"			\
		: [at] "=m" (CTXRACE_MEMORY(bits, p))						\
		: [v] X86_OPERAND_##bits ((u##bits)v));						\
}												\
X86_GS_CHANGE(prefix, qualifier, sum, "add", bits)						\
X86_GS_CHANGE(prefix, qualifier, and, "and", bits)						\
X86_GS_CHANGE(prefix, qualifier, or, "or", bits)						\
/* One more or less is inc or dec. */								\
static __always_inline void x86_##prefix##_add_##bits(void *p, unsigned long v)			\
{												\
	if (__builtin_constant_p(v) && (u##bits)v == 1)						\
		__asm__ qualifier("inc" X86_SIZE_##bits "	%%gs:%[at]"			\
			: [at] "+m" (CTXRACE_MEMORY(bits, p)) : : "cc");			\
	else if (__builtin_constant_p(v) && (u##bits)v == (u##bits)-1)				\
		__asm__ qualifier("dec" X86_SIZE_##bits "	%%gs:%[at]"			\
			: [at] "+m" (CTXRACE_MEMORY(bits, p)) : : "cc");			\
	else											\
		x86_##prefix##_sum_##bits(p, v);						\
}												\
static __always_inline unsigned long x86_##prefix##_fetch_add_##bits(void *p, unsigned long v)	\
{												\
	u##bits found = (u##bits)v;								\
												\
	__asm__ qualifier("xadd" X86_SIZE_##bits "	%[found], %%gs:%[at]"			\
		: [found] "+q" (found), [at] "+m" (CTXRACE_MEMORY(bits, p))			\
		: : "cc");									\
	return found;										\
}												\
static __always_inline unsigned long								\
x86_##prefix##_cmpxchg_##bits(void *p, unsigned long old, unsigned long new)			\
{												\
	u##bits found = (u##bits)old;								\
												\
	__asm__ qualifier("cmpxchg" X86_SIZE_##bits "	%[new], %%gs:%[at]"			\
		: [found] "+a" (found), [at] "+m" (CTXRACE_MEMORY(bits, p))			\
		: [new] "q" ((u##bits)new)							\
		: "cc");									\
	return found;										\
}

#define X86_GS_BOTH(bits)			\
	X86_GS(this, __volatile__, bits)	\
	X86_GS(raw, , bits)

X86_GS_BOTH(8)
X86_GS_BOTH(16)
X86_GS_BOTH(32)
X86_GS_BOTH(64)

#undef X86_GS_BOTH
#undef X86_GS
#undef X86_GS_CHANGE

#endif
