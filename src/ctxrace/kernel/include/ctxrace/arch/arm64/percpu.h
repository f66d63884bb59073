/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v6.19 arch/arm64/include/asm/percpu.h: a CPU's copy of a variable is tpidr_el1 further on
 * (the kernel takes tpidr_el2 where it runs at EL2). Finding the address and using it are several instructions,
 * hence every this_cpu_*() keeps preemption off around them; interrupts are left to the atomic instruction.
 */
#ifndef CTXRACE_ARM64_PERCPU_H
#define CTXRACE_ARM64_PERCPU_H

#include <ctxrace/cmpxchg.h>
#include <ctxrace/compiler.h>
#include <ctxrace/preempt.h>

register unsigned long current_stack_pointer __asm__("sp");

/*
 * The compiler may keep the value across other code, which volatile would forbid, but not across barrier(),
 * after which the task may be on another CPU: it believes that the value depends on the stack's memory.
 */
static __always_inline unsigned long __my_cpu_offset(void)
{
	unsigned long offset;

	__asm__("mrs %0, tpidr_el1"
		: "=r" (offset)
		: "Q" (*(const unsigned long *)current_stack_pointer));
	return offset;
}

#define ARM64_WITHOUT_PREEMPTION(pcp, expression) ({		\
	__typeof__(pcp) __result;				\
	preempt_disable_notrace();				\
	__result = (__typeof__(pcp))(expression);		\
	preempt_enable_notrace();				\
	__result;						\
})
#define ARM64_THIS_CPU(operation, pcp, ...)			\
	ARM64_WITHOUT_PREEMPTION(pcp, CTXRACE_BY_SIZE(operation, raw_cpu_ptr(&(pcp)), __VA_ARGS__))

#define this_cpu_read(pcp) \
	ARM64_WITHOUT_PREEMPTION(pcp, READ_ONCE(*raw_cpu_ptr(&(pcp))))
#define this_cpu_write(pcp, value) do {				\
	preempt_disable_notrace();				\
	WRITE_ONCE(*raw_cpu_ptr(&(pcp)), (value));		\
	preempt_enable_notrace();				\
} while (0)

#define this_cpu_add(pcp, value) \
	((void)ARM64_THIS_CPU(arch_fetch_add_relaxed, pcp, (unsigned long)(value)))
#define this_cpu_and(pcp, value) \
	((void)ARM64_THIS_CPU(arch_fetch_andnot_relaxed, pcp, ~(unsigned long)(value)))
#define this_cpu_or(pcp, value) \
	((void)ARM64_THIS_CPU(arch_fetch_or_relaxed, pcp, (unsigned long)(value)))
#define this_cpu_xchg(pcp, value) \
	ARM64_THIS_CPU(arch_xchg_relaxed, pcp, (unsigned long)(value))
#define this_cpu_cmpxchg(pcp, old, new) \
	ARM64_THIS_CPU(arch_cmpxchg_relaxed, pcp, (unsigned long)(old), (unsigned long)(new))
#define this_cpu_add_return(pcp, value) ({						\
	__typeof__(pcp) __addend = (value);						\
	(__typeof__(pcp))(__addend +							\
		ARM64_THIS_CPU(arch_fetch_add_relaxed, pcp, (unsigned long)__addend));	\
})

#endif
