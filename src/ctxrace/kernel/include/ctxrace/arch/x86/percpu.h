/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v6.19 arch/x86/include/asm/percpu.h: this_cpu_*() and __this_cpu_*() are one instruction each
 * (see segment.h) but for xchg, as that instruction would lock the bus. A pointer to this CPU's copy is made with the
 * offset in the per-CPU variable this_cpu_off, whose value the tool provides.
 */
#ifndef CTXRACE_X86_PERCPU_H
#define CTXRACE_X86_PERCPU_H

#include <ctxrace/arch/x86/segment.h>
#include <ctxrace/cmpxchg.h>
#include <ctxrace/compiler.h>
#include <ctxrace/preempt.h>

/* Weak, so that every object may bring it. */
__weak DEFINE_PER_CPU_READ_MOSTLY(unsigned long, this_cpu_off);

static __always_inline unsigned long __my_cpu_offset(void)
{
	return x86_raw_read_64(&this_cpu_off);
}

#define X86_PER_CPU(operation, pcp, ...) \
	((__typeof__(pcp))CTXRACE_BY_SIZE(operation, &(pcp), __VA_ARGS__))
#define X86_PER_CPU_VOID(operation, pcp, value) do {						\
	void *__at = (void *)&(pcp);								\
	unsigned long __value = (unsigned long)(value);						\
	switch (sizeof(pcp)) {									\
	case 1: operation##_8(__at, __value); break;						\
	case 2: operation##_16(__at, __value); break;						\
	case 4: operation##_32(__at, __value); break;						\
	case 8: operation##_64(__at, __value); break;						\
	}											\
} while (0)
#define X86_PER_CPU_READ(operation, pcp) ({							\
	void *__at = (void *)&(pcp);								\
	(__typeof__(pcp))(sizeof(pcp) == 1 ? operation##_8(__at) :				\
			  sizeof(pcp) == 2 ? operation##_16(__at) :				\
			  sizeof(pcp) == 4 ? operation##_32(__at) : operation##_64(__at));	\
})
#define X86_PER_CPU_ADD_RETURN(operation, pcp, value) ({					\
	__typeof__(pcp) __addend = (value);							\
	(__typeof__(pcp))(__addend + X86_PER_CPU(operation, pcp, (unsigned long)__addend));	\
})

#define this_cpu_read(pcp)		X86_PER_CPU_READ(x86_this_read, pcp)
#define this_cpu_write(pcp, value)	X86_PER_CPU_VOID(x86_this_write, pcp, (__typeof__(pcp))(value))
#define this_cpu_add(pcp, value)	X86_PER_CPU_VOID(x86_this_add, pcp, value)
#define this_cpu_and(pcp, value)	X86_PER_CPU_VOID(x86_this_and, pcp, value)
#define this_cpu_or(pcp, value)		X86_PER_CPU_VOID(x86_this_or, pcp, value)
#define this_cpu_add_return(pcp, value)	X86_PER_CPU_ADD_RETURN(x86_this_fetch_add, pcp, value)
#define this_cpu_cmpxchg(pcp, old, new) \
	X86_PER_CPU(x86_this_cmpxchg, pcp, (unsigned long)(old), (unsigned long)(new))
#define this_cpu_xchg(pcp, value) ({								\
	__typeof__(pcp) __next = (value), __seen, __before = this_cpu_read(pcp);		\
	do {											\
		__seen = __before;								\
		__before = this_cpu_cmpxchg(pcp, __seen, __next);				\
	} while (__before != __seen);								\
	__before;										\
})

#define CTXRACE_ARCH_RAW_CPU
#define raw_cpu_read(pcp)		X86_PER_CPU_READ(x86_raw_read, pcp)
#define raw_cpu_write(pcp, value)	X86_PER_CPU_VOID(x86_raw_write, pcp, (__typeof__(pcp))(value))
#define raw_cpu_add(pcp, value)		X86_PER_CPU_VOID(x86_raw_add, pcp, value)
#define raw_cpu_and(pcp, value)		X86_PER_CPU_VOID(x86_raw_and, pcp, value)
#define raw_cpu_or(pcp, value)		X86_PER_CPU_VOID(x86_raw_or, pcp, value)
#define raw_cpu_add_return(pcp, value)	X86_PER_CPU_ADD_RETURN(x86_raw_fetch_add, pcp, value)
#define raw_cpu_cmpxchg(pcp, old, new) \
	X86_PER_CPU(x86_raw_cmpxchg, pcp, (unsigned long)(old), (unsigned long)(new))
#define raw_cpu_xchg(pcp, value) ({								\
	__typeof__(pcp) __before = raw_cpu_read(pcp);						\
	raw_cpu_write(pcp, value);								\
	__before;										\
})

#endif
