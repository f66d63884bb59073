/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for the instructions of Linux v7.2 arch/x86/include/asm/local.h: an add, an xadd and a cmpxchg, all without
 * a lock. Only asm/local.h includes this.
 */
#ifndef CTXRACE_CTXRACE_ARCH_X86_LOCAL_H
#define CTXRACE_CTXRACE_ARCH_X86_LOCAL_H

static __always_inline void local_add(long i, local_t *l)
{
	__asm__ __volatile__("addq	%[i], %[at]" : [at] "+m" (l->a.counter) : [i] "re" (i) : "memory", "cc");
}

static __always_inline void local_sub(long i, local_t *l)
{
	__asm__ __volatile__("subq	%[i], %[at]" : [at] "+m" (l->a.counter) : [i] "re" (i) : "memory", "cc");
}

static __always_inline long local_add_return(long i, local_t *l)
{
	long found = i;

	__asm__ __volatile__("xaddq	%[found], %[at]"
		: [found] "+r" (found), [at] "+m" (l->a.counter) : : "memory", "cc");
	return (long)((unsigned long)found + (unsigned long)i);
}

static __always_inline long local_cmpxchg(local_t *l, long old, long new)
{
	return (long)arch_cmpxchg_local_64(&l->a.counter, (unsigned long)old, (unsigned long)new);
}

/* By cmpxchg, as the instruction xchg locks the bus. */
static __always_inline long local_xchg(local_t *l, long new)
{
	long seen, found = atomic_long_read(&l->a);

	do {
		seen = found;
		found = local_cmpxchg(l, seen, new);
	} while (found != seen);
	return seen;
}

#endif
