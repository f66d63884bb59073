/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 arch/x86/include/asm/cmpxchg_64.h: cmpxchg16b.
 */
#ifndef CTXRACE_CTXRACE_ARCH_X86_CMPXCHG128_H
#define CTXRACE_CTXRACE_ARCH_X86_CMPXCHG128_H

#define system_has_cmpxchg128()	1

static __always_inline u128 arch_cmpxchg128(volatile u128 *at, u128 old, u128 new)
{
	unsigned long low = (unsigned long)old, high = (unsigned long)(old >> 64);

	__asm__ __volatile__("lock cmpxchg16b	%[at]"
		: [at] "+m" (*at), "+a" (low), "+d" (high)
		: "b" ((unsigned long)new), "c" ((unsigned long)(new >> 64))
		: "memory", "cc");
	return (u128)high << 64 | low;
}

#endif
