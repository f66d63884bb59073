/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 arch/arm64/include/asm/{atomic_lse,atomic_ll_sc}.h: caspal, or exclusive loads and stores of
 * a pair, which also store what they found where it is not what was expected. Of a pair the first register has the
 * lower address.
 */
#ifndef CTXRACE_CTXRACE_ARCH_ARM64_CMPXCHG128_H
#define CTXRACE_CTXRACE_ARCH_ARM64_CMPXCHG128_H

#define system_has_cmpxchg128()	1

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
# define ARM64_FIRST(pair)		((unsigned long)(pair))
# define ARM64_SECOND(pair)		((unsigned long)((pair) >> 64))
# define ARM64_PAIR(first, second)	((u128)(second) << 64 | (first))
#else
# define ARM64_FIRST(pair)		((unsigned long)((pair) >> 64))
# define ARM64_SECOND(pair)		((unsigned long)(pair))
# define ARM64_PAIR(first, second)	((u128)(first) << 64 | (second))
#endif

#if CTXRACE_LSE
static __always_inline u128 arch_cmpxchg128(volatile u128 *at, u128 old, u128 new)
{
	register unsigned long first __asm__("x0") = ARM64_FIRST(old);
	register unsigned long second __asm__("x1") = ARM64_SECOND(old);
	register unsigned long new_first __asm__("x2") = ARM64_FIRST(new);
	register unsigned long new_second __asm__("x3") = ARM64_SECOND(new);

	__asm__ __volatile__(ARM64_LSE_PREAMBLE "caspal	%[first], %[second], %[new_first], %[new_second], %[at]"
		: [first] "+r" (first), [second] "+r" (second), [at] "+Q" (*at)
		: [new_first] "r" (new_first), [new_second] "r" (new_second)
		: "memory");
	return ARM64_PAIR(first, second);
}
#else
static __always_inline u128 arch_cmpxchg128(volatile u128 *at, u128 old, u128 new)
{
	unsigned long first, second, left_first, left_second;
	unsigned int failed;

	__asm__ __volatile__(
	"1:	ldxp	%[first], %[second], %[at]\n"
	"	cmp	%[first], %[old_first]\n"
	"	ccmp	%[second], %[old_second], #0, eq\n"
	"	csel	%[left_first], %[new_first], %[first], eq\n"
	"	csel	%[left_second], %[new_second], %[second], eq\n"
	"	stlxp	%w[failed], %[left_first], %[left_second], %[at]\n"
	"	cbnz	%w[failed], 1b\n"
	"	dmb	ish"
		: [first] "=&r" (first), [second] "=&r" (second), [left_first] "=&r" (left_first),
		  [left_second] "=&r" (left_second), [failed] "=&r" (failed), [at] "+Q" (*at)
		: [old_first] "r" (ARM64_FIRST(old)), [old_second] "r" (ARM64_SECOND(old)),
		  [new_first] "r" (ARM64_FIRST(new)), [new_second] "r" (ARM64_SECOND(new))
		: "memory", "cc");
	return ARM64_PAIR(first, second);
}
#endif

#endif
