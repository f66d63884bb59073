/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v6.19 arch/x86/include/asm/{atomic,cmpxchg}.h: locked instructions, all of them fully ordered.
 * What and, or and xor found needs a loop around cmpxchg. The kernel's *_and_test() look at the flags of a locked dec
 * or sub; here they look at what xadd found.
 *
 * Gives arch_<op><order>_<bits>(pointer, value) for fetch_add, fetch_andnot, fetch_or, fetch_xor, xchg and
 * cmpxchg, which return what they found, and arch_<op>_<bits>() for add, andnot, or, xor, which return nothing.
 */
#ifndef CTXRACE_X86_ATOMIC_H
#define CTXRACE_X86_ATOMIC_H

#include <ctxrace/arch/x86/segment.h>
#include <ctxrace/compiler.h>
#include <ctxrace/types.h>

#define X86_VOID(name, instruction, operand, bits)						\
static __always_inline void arch_##name##_##bits(volatile void *p, unsigned long v)		\
{												\
	__asm__ __volatile__("lock " instruction X86_SIZE_##bits "	%[v], %[at]"		\
		: [at] "+m" (CTXRACE_MEMORY(bits, p))						\
		: [v] X86_OPERAND_##bits ((u##bits)(operand))					\
		: "memory", "cc");								\
}

#define X86_EXCHANGE(name, instruction, bits, order)						\
static __always_inline unsigned long arch_##name##order##_##bits(volatile void *p, unsigned long v) \
{												\
	u##bits found = (u##bits)v;								\
												\
	__asm__ __volatile__(instruction X86_SIZE_##bits "	%[found], %[at]"		\
		: [found] "+q" (found), [at] "+m" (CTXRACE_MEMORY(bits, p))			\
		: : "memory", "cc");								\
	return found;										\
}

#define X86_CMPXCHG(bits, order, lock)								\
static __always_inline unsigned long								\
arch_cmpxchg##order##_##bits(volatile void *p, unsigned long old, unsigned long new)		\
{												\
	u##bits found = (u##bits)old;								\
												\
	__asm__ __volatile__(lock "cmpxchg" X86_SIZE_##bits "	%[new], %[at]"			\
		: [found] "+a" (found), [at] "+m" (CTXRACE_MEMORY(bits, p))			\
		: [new] "q" ((u##bits)new)							\
		: "memory", "cc");								\
	return found;										\
}

#define X86_LOOP(name, result, bits, order)							\
static __always_inline unsigned long arch_fetch_##name##order##_##bits(volatile void *p, unsigned long v) \
{												\
	u##bits found = CTXRACE_MEMORY(bits, p), expected;					\
												\
	do {											\
		expected = found;								\
		found = (u##bits)arch_cmpxchg_##bits(p, expected, (u##bits)(expected result));	\
	} while (found != expected);								\
	return found;										\
}

#define X86_ORDER(bits, order)					\
	X86_EXCHANGE(fetch_add, "lock xadd", bits, order)	\
	X86_EXCHANGE(xchg, "xchg", bits, order)			\
	X86_LOOP(andnot, & ~v, bits, order)			\
	X86_LOOP(or, | v, bits, order)				\
	X86_LOOP(xor, ^ v, bits, order)
#define X86_OPERATIONS(bits)					\
	X86_CMPXCHG(bits, , "lock ")				\
	X86_CMPXCHG(bits, _acquire, "lock ")			\
	X86_CMPXCHG(bits, _release, "lock ")			\
	X86_CMPXCHG(bits, _relaxed, "lock ")			\
	X86_CMPXCHG(bits, _local, "")				\
	X86_ORDER(bits, )					\
	X86_ORDER(bits, _acquire)				\
	X86_ORDER(bits, _release)				\
	X86_ORDER(bits, _relaxed)				\
	X86_VOID(add, "add", v, bits)				\
	X86_VOID(andnot, "and", ~v, bits)			\
	X86_VOID(or, "or", v, bits)				\
	X86_VOID(xor, "xor", v, bits)

X86_OPERATIONS(8)
X86_OPERATIONS(16)
X86_OPERATIONS(32)
X86_OPERATIONS(64)

#define CTXRACE_ARCH_CMPXCHG_LOCAL	/* without the lock: against this CPU's other contexts only */

#undef X86_OPERATIONS
#undef X86_ORDER
#undef X86_LOOP
#undef X86_CMPXCHG
#undef X86_EXCHANGE
#undef X86_VOID

#endif
