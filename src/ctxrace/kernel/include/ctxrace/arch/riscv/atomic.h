/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v6.19 arch/riscv/include/asm/{atomic,cmpxchg}.h: of words and double words one instruction (amoadd,
 * amoor, amoswap, ...), but for cmpxchg, which is a loop of lr and sc. Bytes and halfwords are a loop of lr.w and sc.w
 * on the word around them, as on a CPU without Zabha and Zacas.
 *
 * CTXRACE_LRSC=1 makes words and double words loops, too, which the kernel does not do: to check code that relies on
 * nothing else.
 *
 * Gives arch_<op><order>_<bits>(pointer, value) for fetch_add, fetch_andnot, fetch_or, fetch_xor, xchg and cmpxchg,
 * which return what they found, and arch_<op>_<bits>() for add, andnot, or, xor, which return nothing.
 */
#ifndef CTXRACE_RISCV_ATOMIC_H
#define CTXRACE_RISCV_ATOMIC_H

#ifndef CTXRACE_LRSC
# define CTXRACE_LRSC 0
#endif

#include <ctxrace/compiler.h>
#include <ctxrace/types.h>

#define RISCV_SIZE_32		".w"
#define RISCV_SIZE_64		".d"

/* How an order is spelled: of one instruction; around a loop. */
#define RISCV_AMO		".aqrl"
#define RISCV_AMO_acquire	".aq"
#define RISCV_AMO_release	".rl"
#define RISCV_AMO_relaxed	""
#define RISCV_SC		".rl"
#define RISCV_SC_acquire	""
#define RISCV_SC_release	""
#define RISCV_SC_relaxed	""
#define RISCV_BEFORE		""
#define RISCV_BEFORE_acquire	""
#define RISCV_BEFORE_release	"	fence	rw, w\n"
#define RISCV_BEFORE_relaxed	""
#define RISCV_AFTER		"	fence	rw, rw\n"
#define RISCV_AFTER_acquire	"	fence	r, rw\n"
#define RISCV_AFTER_release	""
#define RISCV_AFTER_relaxed	""

#define RISCV_AMO_FETCH(name, instruction, operand, bits, order)				\
static __always_inline unsigned long arch_##name##order##_##bits(volatile void *p, unsigned long v) \
{												\
	s##bits found;										\
												\
	__asm__ __volatile__(									\
	"	" instruction RISCV_SIZE_##bits RISCV_AMO##order "	%[found], %[v], %[at]"	\
		: [found] "=r" (found), [at] "+A" (CTXRACE_MEMORY(bits, p))			\
		: [v] "r" ((s##bits)(operand))							\
		: "memory");									\
	return (u##bits)found;									\
}

#define RISCV_AMO_VOID(name, instruction, operand, bits)					\
static __always_inline void arch_##name##_##bits(volatile void *p, unsigned long v)		\
{												\
	__asm__ __volatile__(									\
	"	" instruction RISCV_SIZE_##bits "	zero, %[v], %[at]"			\
		: [at] "+A" (CTXRACE_MEMORY(bits, p))						\
		: [v] "r" ((s##bits)(operand))							\
		: "memory");									\
}

/* compute: the instruction that leaves %[left], of %[found] and %[v]. */
#define RISCV_LRSC_FETCH(name, compute, operand, bits, order)					\
static __always_inline unsigned long arch_##name##order##_##bits(volatile void *p, unsigned long v) \
{												\
	s##bits found, left;									\
												\
	__asm__ __volatile__(									\
		RISCV_BEFORE##order								\
	"0:	lr" RISCV_SIZE_##bits "	%[found], %[at]\n"					\
	"	" compute "\n"									\
	"	sc" RISCV_SIZE_##bits RISCV_SC##order "	%[left], %[left], %[at]\n"		\
	"	bnez	%[left], 0b\n"								\
		RISCV_AFTER##order								\
		: [found] "=&r" (found), [left] "=&r" (left), [at] "+A" (CTXRACE_MEMORY(bits, p)) \
		: [v] "r" ((s##bits)(operand))							\
		: "memory");									\
	return (u##bits)found;									\
}

/* lr.w extends the sign, and so must what it is compared with. */
#define RISCV_CMPXCHG(bits, order)								\
static __always_inline unsigned long								\
arch_cmpxchg##order##_##bits(volatile void *p, unsigned long old, unsigned long new)		\
{												\
	s##bits found;										\
	unsigned int failed;									\
												\
	__asm__ __volatile__(									\
		RISCV_BEFORE##order								\
	"0:	lr" RISCV_SIZE_##bits "	%[found], %[at]\n"					\
	"	bne	%[found], %z[old], 1f\n"						\
	"	sc" RISCV_SIZE_##bits RISCV_SC##order "	%[failed], %z[new], %[at]\n"		\
	"	bnez	%[failed], 0b\n"							\
		RISCV_AFTER##order								\
	"1:"											\
		: [found] "=&r" (found), [failed] "=&r" (failed), [at] "+A" (CTXRACE_MEMORY(bits, p)) \
		: [old] "rJ" ((long)(s##bits)old), [new] "rJ" ((long)(s##bits)new)		\
		: "memory");									\
	return (u##bits)found;									\
}

/* Of a byte or halfword: where it is in the word around it. */
#define RISCV_WORD(p)		((u32 __may_alias *)((unsigned long)(p) & ~3UL))
#define RISCV_SHIFT(p)		(((unsigned long)(p) & 3) * BITS_PER_BYTE)
#define RISCV_MASK(bits, p)	((unsigned long)(u##bits)-1 << RISCV_SHIFT(p))

/* compute: the instructions that leave %[left], of %[found] and %[v], which stands where the part is in the word. */
#define RISCV_PART_FETCH(name, compute, bits, order)						\
static __always_inline unsigned long arch_##name##order##_##bits(volatile void *p, unsigned long v) \
{												\
	unsigned long mask = RISCV_MASK(bits, p);						\
	unsigned long found, left;								\
												\
	__asm__ __volatile__(									\
		RISCV_BEFORE##order								\
	"0:	lr.w	%[found], %[at]\n"							\
	"	" compute "\n"									\
	"	xor	%[left], %[left], %[found]\n"						\
	"	and	%[left], %[left], %[mask]\n"						\
	"	xor	%[left], %[left], %[found]\n"						\
	"	sc.w" RISCV_SC##order "	%[left], %[left], %[at]\n"				\
	"	bnez	%[left], 0b\n"								\
		RISCV_AFTER##order								\
		: [found] "=&r" (found), [left] "=&r" (left), [at] "+A" (*(volatile u32 __may_alias *)RISCV_WORD(p)) \
		: [v] "r" ((unsigned long)(u##bits)v << RISCV_SHIFT(p)), [mask] "r" (mask)	\
		: "memory");									\
	return (u##bits)(found >> RISCV_SHIFT(p));						\
}

#define RISCV_PART_CMPXCHG(bits, order)								\
static __always_inline unsigned long								\
arch_cmpxchg##order##_##bits(volatile void *p, unsigned long old, unsigned long new)		\
{												\
	unsigned long mask = RISCV_MASK(bits, p);						\
	unsigned long found, left;								\
												\
	__asm__ __volatile__(									\
		RISCV_BEFORE##order								\
	"0:	lr.w	%[found], %[at]\n"							\
	"	and	%[left], %[found], %[mask]\n"						\
	"	bne	%[left], %[old], 1f\n"							\
	"	xor	%[left], %[left], %[found]\n"						\
	"	or	%[left], %[left], %[new]\n"						\
	"	sc.w" RISCV_SC##order "	%[left], %[left], %[at]\n"				\
	"	bnez	%[left], 0b\n"								\
		RISCV_AFTER##order								\
	"1:"											\
		: [found] "=&r" (found), [left] "=&r" (left), [at] "+A" (*(volatile u32 __may_alias *)RISCV_WORD(p)) \
		: [old] "r" ((unsigned long)(u##bits)old << RISCV_SHIFT(p)),			\
		  [new] "r" ((unsigned long)(u##bits)new << RISCV_SHIFT(p)), [mask] "r" (mask)	\
		: "memory");									\
	return (u##bits)(found >> RISCV_SHIFT(p));						\
}

#define RISCV_VOID(name, bits)									\
static __always_inline void arch_##name##_##bits(volatile void *p, unsigned long v)		\
{												\
	arch_fetch_##name##_relaxed_##bits(p, v);						\
}

#define RISCV_PART_ORDER(bits, order)								\
	RISCV_PART_FETCH(fetch_add, "add %[left], %[found], %[v]", bits, order)			\
	RISCV_PART_FETCH(fetch_andnot, "not %[left], %[v]\n	and %[left], %[left], %[found]", bits, order) \
	RISCV_PART_FETCH(fetch_or, "or %[left], %[found], %[v]", bits, order)			\
	RISCV_PART_FETCH(fetch_xor, "xor %[left], %[found], %[v]", bits, order)			\
	RISCV_PART_FETCH(xchg, "mv %[left], %[v]", bits, order)					\
	RISCV_PART_CMPXCHG(bits, order)
#define RISCV_VOIDS(bits)		\
	RISCV_VOID(add, bits)		\
	RISCV_VOID(andnot, bits)	\
	RISCV_VOID(or, bits)		\
	RISCV_VOID(xor, bits)

#if CTXRACE_LRSC
# define RISCV_WHOLE_ORDER(bits, order)								\
	RISCV_LRSC_FETCH(fetch_add, "add %[left], %[found], %[v]", v, bits, order)		\
	RISCV_LRSC_FETCH(fetch_andnot, "and %[left], %[found], %[v]", ~v, bits, order)		\
	RISCV_LRSC_FETCH(fetch_or, "or %[left], %[found], %[v]", v, bits, order)		\
	RISCV_LRSC_FETCH(fetch_xor, "xor %[left], %[found], %[v]", v, bits, order)		\
	RISCV_LRSC_FETCH(xchg, "mv %[left], %[v]", v, bits, order)				\
	RISCV_CMPXCHG(bits, order)
# define RISCV_WHOLE_VOIDS(bits)	RISCV_VOIDS(bits)
#else
# define RISCV_WHOLE_ORDER(bits, order)						\
	RISCV_AMO_FETCH(fetch_add, "amoadd", v, bits, order)			\
	RISCV_AMO_FETCH(fetch_andnot, "amoand", ~v, bits, order)		\
	RISCV_AMO_FETCH(fetch_or, "amoor", v, bits, order)			\
	RISCV_AMO_FETCH(fetch_xor, "amoxor", v, bits, order)			\
	RISCV_AMO_FETCH(xchg, "amoswap", v, bits, order)			\
	RISCV_CMPXCHG(bits, order)
# define RISCV_WHOLE_VOIDS(bits)						\
	RISCV_AMO_VOID(add, "amoadd", v, bits)					\
	RISCV_AMO_VOID(andnot, "amoand", ~v, bits)				\
	RISCV_AMO_VOID(or, "amoor", v, bits)					\
	RISCV_AMO_VOID(xor, "amoxor", v, bits)
#endif

#define RISCV_ORDERS(make, bits)	\
	make(bits, )			\
	make(bits, _acquire)		\
	make(bits, _release)		\
	make(bits, _relaxed)

RISCV_ORDERS(RISCV_PART_ORDER, 8)
RISCV_ORDERS(RISCV_PART_ORDER, 16)
RISCV_ORDERS(RISCV_WHOLE_ORDER, 32)
RISCV_ORDERS(RISCV_WHOLE_ORDER, 64)
RISCV_VOIDS(8)
RISCV_VOIDS(16)
RISCV_WHOLE_VOIDS(32)
RISCV_WHOLE_VOIDS(64)

#undef RISCV_ORDERS
#undef RISCV_WHOLE_VOIDS
#undef RISCV_WHOLE_ORDER
#undef RISCV_VOIDS
#undef RISCV_PART_ORDER
#undef RISCV_VOID

#endif
