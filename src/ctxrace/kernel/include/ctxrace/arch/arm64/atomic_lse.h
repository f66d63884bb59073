/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v6.19 arch/arm64/include/asm/atomic_lse.h: each operation is one instruction, and its order
 * is in the instruction's name. Only atomic.h includes this.
 */

#define ARM64_LSE_ORDER		"al"
#define ARM64_LSE_ORDER_acquire	"a"
#define ARM64_LSE_ORDER_release	"l"
#define ARM64_LSE_ORDER_relaxed	""

/* The compiler may have been told an older architecture; the assembler is asked to know these all the same. */
#define ARM64_LSE_PREAMBLE	".arch_extension lse\n\t"

/* Found a value, left another: ldadd, ldclr, ldset, ldeor, swp. */
#define ARM64_LSE_LOAD(name, instruction, bits, order)						\
static __always_inline unsigned long arch_##name##order##_##bits(volatile void *p, unsigned long v) \
{												\
	u##bits found;										\
												\
	__asm__ __volatile__(ARM64_LSE_PREAMBLE							\
		instruction ARM64_LSE_ORDER##order ARM64_SIZE_##bits				\
		"	%" ARM64_REG_##bits "[v], %" ARM64_REG_##bits "[found], %[at]"		\
		: [found] "=r" (found), [at] "+Q" (CTXRACE_MEMORY(bits, p))			\
		: [v] "r" ((u##bits)v)								\
		: ARM64_CLOBBER##order);							\
	return found;										\
}

#define ARM64_FETCH_ADD(bits, order)	ARM64_LSE_LOAD(fetch_add, "ldadd", bits, order)
#define ARM64_FETCH_ANDNOT(bits, order)	ARM64_LSE_LOAD(fetch_andnot, "ldclr", bits, order)
#define ARM64_FETCH_OR(bits, order)	ARM64_LSE_LOAD(fetch_or, "ldset", bits, order)
#define ARM64_FETCH_XOR(bits, order)	ARM64_LSE_LOAD(fetch_xor, "ldeor", bits, order)
#define ARM64_XCHG(bits, order)		ARM64_LSE_LOAD(xchg, "swp", bits, order)

#define ARM64_CMPXCHG(bits, order)								\
static __always_inline unsigned long								\
arch_cmpxchg##order##_##bits(volatile void *p, unsigned long old, unsigned long new)		\
{												\
	u##bits found = (u##bits)old;								\
												\
	__asm__ __volatile__(ARM64_LSE_PREAMBLE							\
		"cas" ARM64_LSE_ORDER##order ARM64_SIZE_##bits					\
		"	%" ARM64_REG_##bits "[found], %" ARM64_REG_##bits "[new], %[at]"	\
		: [found] "+r" (found), [at] "+Q" (CTXRACE_MEMORY(bits, p))			\
		: [new] "rZ" ((u##bits)new)							\
		: ARM64_CLOBBER##order);							\
	return found;										\
}

#define ARM64_LSE_STORE(name, instruction, bits)						\
static __always_inline void arch_##name##_##bits(volatile void *p, unsigned long v)		\
{												\
	__asm__ __volatile__(ARM64_LSE_PREAMBLE							\
		instruction ARM64_SIZE_##bits "	%" ARM64_REG_##bits "[v], %[at]"		\
		: [at] "+Q" (CTXRACE_MEMORY(bits, p))						\
		: [v] "r" ((u##bits)v));							\
}

#define ARM64_VOID_OPERATIONS(bits)		\
	ARM64_LSE_STORE(add, "stadd", bits)	\
	ARM64_LSE_STORE(andnot, "stclr", bits)	\
	ARM64_LSE_STORE(or, "stset", bits)	\
	ARM64_LSE_STORE(xor, "steor", bits)
