/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v6.19 arch/arm64/include/asm/barrier.h and cpu_relax() of asm/vdso/processor.h.
 */
#ifndef CTXRACE_ARM64_BARRIER_H
#define CTXRACE_ARM64_BARRIER_H

#include <ctxrace/compiler.h>
#include <ctxrace/types.h>

#define mb()		__asm__ __volatile__("dsb sy" : : : "memory")
#define rmb()		__asm__ __volatile__("dsb ld" : : : "memory")
#define wmb()		__asm__ __volatile__("dsb st" : : : "memory")

#define smp_mb()	__asm__ __volatile__("dmb ish" : : : "memory")
#define smp_rmb()	__asm__ __volatile__("dmb ishld" : : : "memory")
#define smp_wmb()	__asm__ __volatile__("dmb ishst" : : : "memory")

#define isb()		__asm__ __volatile__("isb" : : : "memory")
#define cpu_relax()	__asm__ __volatile__("yield" : : : "memory")

#define ARM64_ACQUIRE_RELEASE(bits, size, reg)						\
static __always_inline unsigned long arch_load_acquire_##bits(const volatile void *p)	\
{											\
	u##bits value;									\
											\
	__asm__ __volatile__("ldar" size "	%" reg "0, %1"				\
		: "=r" (value)								\
		: "Q" (CTXRACE_MEMORY(bits, p))					\
		: "memory");								\
	return value;									\
}											\
static __always_inline void arch_store_release_##bits(volatile void *p, unsigned long value) \
{											\
	__asm__ __volatile__("stlr" size "	%" reg "1, %0"				\
		: "=Q" (CTXRACE_MEMORY(bits, p))						\
		: "rZ" ((u##bits)value)							\
		: "memory");								\
}

ARM64_ACQUIRE_RELEASE(8, "b", "w")
ARM64_ACQUIRE_RELEASE(16, "h", "w")
ARM64_ACQUIRE_RELEASE(32, "", "w")
ARM64_ACQUIRE_RELEASE(64, "", "x")

#undef ARM64_ACQUIRE_RELEASE

#define smp_load_acquire(pointer) ({								\
	__auto_type __from = (pointer);								\
	(__typeof__(*__from))(sizeof(*__from) == 1 ? arch_load_acquire_8(__from) :		\
			      sizeof(*__from) == 2 ? arch_load_acquire_16(__from) :		\
			      sizeof(*__from) == 4 ? arch_load_acquire_32(__from) :		\
						     arch_load_acquire_64(__from));		\
})
#define smp_store_release(pointer, value) do {							\
	__auto_type __to = (pointer);								\
	unsigned long __value = (unsigned long)(value);						\
	switch (sizeof(*__to)) {								\
	case 1: arch_store_release_8(__to, __value); break;			\
	case 2: arch_store_release_16(__to, __value); break;			\
	case 4: arch_store_release_32(__to, __value); break;			\
	case 8: arch_store_release_64(__to, __value); break;			\
	}											\
} while (0)

#endif
