/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v6.19 arch/arm64/include/asm/atomic_ll_sc.h: an exclusive load, a computation and an exclusive
 * store, again until the store succeeds. Without the prefetch in front of the loop. Only atomic.h includes this.
 */

#define ARM64_LOAD		"ldxr"
#define ARM64_LOAD_acquire	"ldaxr"
#define ARM64_LOAD_release	"ldxr"
#define ARM64_LOAD_relaxed	"ldxr"
#define ARM64_STORE		"stlxr"
#define ARM64_STORE_acquire	"stxr"
#define ARM64_STORE_release	"stlxr"
#define ARM64_STORE_relaxed	"stxr"
#define ARM64_AFTER		"\n	dmb	ish"
#define ARM64_AFTER_acquire	""
#define ARM64_AFTER_release	""
#define ARM64_AFTER_relaxed	""

#define ARM64_LL_SC(name, instruction, bits, order)						\
static __always_inline unsigned long arch_fetch_##name##order##_##bits(volatile void *p, unsigned long v) \
{												\
	u##bits found, left;									\
	u32 failed;										\
												\
	__asm__ __volatile__(									\
	"1:	" ARM64_LOAD##order ARM64_SIZE_##bits "	%" ARM64_REG_##bits "[found], %[at]\n"	\
	"	" instruction "	%" ARM64_REG_##bits "[left], %" ARM64_REG_##bits "[found], "	\
			"%" ARM64_REG_##bits "[v]\n"						\
	"	" ARM64_STORE##order ARM64_SIZE_##bits "	%w[failed], "			\
			"%" ARM64_REG_##bits "[left], %[at]\n"					\
	"	cbnz	%w[failed], 1b"								\
		ARM64_AFTER##order								\
		: [found] "=&r" (found), [left] "=&r" (left), [failed] "=&r" (failed),		\
		  [at] "+Q" (CTXRACE_MEMORY(bits, p))						\
		: [v] "r" ((u##bits)v)								\
		: ARM64_CLOBBER##order);							\
	return found;										\
}

#define ARM64_FETCH_ADD(bits, order)	ARM64_LL_SC(add, "add", bits, order)
#define ARM64_FETCH_ANDNOT(bits, order)	ARM64_LL_SC(andnot, "bic", bits, order)
#define ARM64_FETCH_OR(bits, order)	ARM64_LL_SC(or, "orr", bits, order)
#define ARM64_FETCH_XOR(bits, order)	ARM64_LL_SC(xor, "eor", bits, order)

#define ARM64_XCHG(bits, order)									\
static __always_inline unsigned long arch_xchg##order##_##bits(volatile void *p, unsigned long v) \
{												\
	u##bits found;										\
	u32 failed;										\
												\
	__asm__ __volatile__(									\
	"1:	" ARM64_LOAD##order ARM64_SIZE_##bits "	%" ARM64_REG_##bits "[found], %[at]\n"	\
	"	" ARM64_STORE##order ARM64_SIZE_##bits "	%w[failed], "			\
			"%" ARM64_REG_##bits "[v], %[at]\n"					\
	"	cbnz	%w[failed], 1b"								\
		ARM64_AFTER##order								\
		: [found] "=&r" (found), [failed] "=&r" (failed), [at] "+Q" (CTXRACE_MEMORY(bits, p)) \
		: [v] "r" ((u##bits)v)								\
		: ARM64_CLOBBER##order);							\
	return found;										\
}

/* The comparison is of the whole register: the load leaves its upper bits zero, the conversion to u8 or u16 too. */
#define ARM64_CMPXCHG(bits, order)								\
static __always_inline unsigned long								\
arch_cmpxchg##order##_##bits(volatile void *p, unsigned long old, unsigned long new)		\
{												\
	unsigned long found, failed, expected = (u##bits)old;					\
												\
	__asm__ __volatile__(									\
	"1:	" ARM64_LOAD##order ARM64_SIZE_##bits "	%" ARM64_REG_##bits "[found], %[at]\n"	\
	"	eor	%" ARM64_REG_##bits "[failed], %" ARM64_REG_##bits "[found], "		\
			"%" ARM64_REG_##bits "[expected]\n"					\
	"	cbnz	%" ARM64_REG_##bits "[failed], 2f\n"					\
	"	" ARM64_STORE##order ARM64_SIZE_##bits "	%w[failed], "			\
			"%" ARM64_REG_##bits "[new], %[at]\n"					\
	"	cbnz	%w[failed], 1b"								\
		ARM64_AFTER##order "\n"								\
	"2:"											\
		: [found] "=&r" (found), [failed] "=&r" (failed), [at] "+Q" (CTXRACE_MEMORY(bits, p)) \
		: [expected] "r" (expected), [new] "r" (new)					\
		: ARM64_CLOBBER##order);							\
	return found;										\
}

#define ARM64_LL_SC_VOID(name, bits)								\
static __always_inline void arch_##name##_##bits(volatile void *p, unsigned long v)		\
{												\
	arch_fetch_##name##_relaxed_##bits(p, v);						\
}

#define ARM64_VOID_OPERATIONS(bits)		\
	ARM64_LL_SC_VOID(add, bits)		\
	ARM64_LL_SC_VOID(andnot, bits)		\
	ARM64_LL_SC_VOID(or, bits)		\
	ARM64_LL_SC_VOID(xor, bits)
