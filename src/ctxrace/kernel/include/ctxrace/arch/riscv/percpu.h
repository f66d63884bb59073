/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v6.19 include/asm-generic/percpu.h, which RISC-V uses as it is: a CPU's copy of a variable is
 * __per_cpu_offset[cpu] further on, and the CPU's number is in the thread_info. The tool provides both.
 *
 * CTXRACE_PERCPU_ATOMIC chooses how this_cpu_*() are made safe:
 *
 *	0	v6.19: interrupts are off around a plain load, computation and store
 *	1	atomic.h's operations with preemption off, as in an arch/riscv/include/asm/percpu.h that is proposed
 *		(kernel-patches/bpf 10aa3e107e65): amoadd.w and its like, or loops of lr and sc with CTXRACE_LRSC=1
 */
#ifndef CTXRACE_RISCV_PERCPU_H
#define CTXRACE_RISCV_PERCPU_H

#ifndef CTXRACE_PERCPU_ATOMIC
# define CTXRACE_PERCPU_ATOMIC 0
#endif

#include <ctxrace/cmpxchg.h>
#include <ctxrace/compiler.h>
#include <ctxrace/irqflags.h>
#include <ctxrace/preempt.h>

#define raw_smp_processor_id()	(current_thread_info()->cpu)

/* Weak, so that every object may bring it. */
__weak unsigned long __per_cpu_offset[1];

static __always_inline unsigned long __my_cpu_offset(void)
{
	return __per_cpu_offset[raw_smp_processor_id()];
}

#define RISCV_WITHOUT_PREEMPTION(pcp, expression) ({		\
	__typeof__(pcp) __result;				\
	preempt_disable_notrace();				\
	__result = (__typeof__(pcp))(expression);		\
	preempt_enable_notrace();				\
	__result;						\
})

#define this_cpu_read(pcp) \
	RISCV_WITHOUT_PREEMPTION(pcp, READ_ONCE(*raw_cpu_ptr(&(pcp))))

#if CTXRACE_PERCPU_ATOMIC
# define RISCV_THIS_CPU(operation, pcp, ...) \
	RISCV_WITHOUT_PREEMPTION(pcp, CTXRACE_BY_SIZE(operation, raw_cpu_ptr(&(pcp)), __VA_ARGS__))

# define this_cpu_write(pcp, value) do {			\
	preempt_disable_notrace();				\
	WRITE_ONCE(*raw_cpu_ptr(&(pcp)), (value));		\
	preempt_enable_notrace();				\
} while (0)
# define this_cpu_add(pcp, value) \
	((void)RISCV_THIS_CPU(arch_fetch_add_relaxed, pcp, (unsigned long)(value)))
# define this_cpu_and(pcp, value) \
	((void)RISCV_THIS_CPU(arch_fetch_andnot_relaxed, pcp, ~(unsigned long)(value)))
# define this_cpu_or(pcp, value) \
	((void)RISCV_THIS_CPU(arch_fetch_or_relaxed, pcp, (unsigned long)(value)))
# define this_cpu_xchg(pcp, value) \
	RISCV_THIS_CPU(arch_xchg_relaxed, pcp, (unsigned long)(value))
# define this_cpu_cmpxchg(pcp, old, new) \
	RISCV_THIS_CPU(arch_cmpxchg_relaxed, pcp, (unsigned long)(old), (unsigned long)(new))
# define this_cpu_add_return(pcp, value) ({						\
	__typeof__(pcp) __addend = (value);						\
	(__typeof__(pcp))(__addend +							\
		RISCV_THIS_CPU(arch_fetch_add_relaxed, pcp, (unsigned long)__addend));	\
})
#else
# define RISCV_MASKED_VOID(statement) do {			\
	unsigned long __flags;					\
	raw_local_irq_save(__flags);				\
	statement;						\
	raw_local_irq_restore(__flags);				\
} while (0)
# define RISCV_MASKED(pcp, expression) ({			\
	__typeof__(pcp) __result;				\
	RISCV_MASKED_VOID(__result = (expression));		\
	__result;						\
})

# define this_cpu_write(pcp, value)		RISCV_MASKED_VOID(raw_cpu_write(pcp, value))
# define this_cpu_add(pcp, value)		RISCV_MASKED_VOID(raw_cpu_add(pcp, value))
# define this_cpu_and(pcp, value)		RISCV_MASKED_VOID(raw_cpu_and(pcp, value))
# define this_cpu_or(pcp, value)		RISCV_MASKED_VOID(raw_cpu_or(pcp, value))
# define this_cpu_add_return(pcp, value)	RISCV_MASKED(pcp, raw_cpu_add_return(pcp, value))
# define this_cpu_xchg(pcp, value)		RISCV_MASKED(pcp, raw_cpu_xchg(pcp, value))
# define this_cpu_cmpxchg(pcp, old, new)	RISCV_MASKED(pcp, raw_cpu_cmpxchg(pcp, old, new))
#endif

#endif
