/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v6.19 include/linux/percpu-defs.h and include/asm-generic/percpu.h. All per-CPU variables
 * live in the one section ".data..percpu". The tool gives each CPU a copy of it and, for per_cpu_ptr(), the
 * array __per_cpu_offset, which a file that uses it defines: unsigned long __per_cpu_offset[2];
 *
 *	this_cpu_*	safe against every other context of the CPU; how, the architecture says
 *	__this_cpu_*	a plain load, computation and store; the caller keeps others away (x86: one instruction all the same)
 *	raw_cpu_*	the same, where the caller does not care which CPU it is on
 */
#ifndef CTXRACE_PERCPU_H
#define CTXRACE_PERCPU_H

#include <ctxrace/arch.h>
#include <ctxrace/compiler.h>
#include <ctxrace/preempt.h>
#include <ctxrace/types.h>

#define PER_CPU_BASE_SECTION	".data..percpu"
#define SMP_CACHE_BYTES		64

#define DECLARE_PER_CPU(type, name)	extern __section(PER_CPU_BASE_SECTION) __typeof__(type) name
#define DEFINE_PER_CPU(type, name)	__section(PER_CPU_BASE_SECTION) __typeof__(type) name
#define DEFINE_PER_CPU_ALIGNED(type, name) \
	__section(PER_CPU_BASE_SECTION) __aligned(SMP_CACHE_BYTES) __typeof__(type) name

#define DECLARE_PER_CPU_ALIGNED(type, name)		DECLARE_PER_CPU(type, name) __aligned(SMP_CACHE_BYTES)
#define DECLARE_PER_CPU_SHARED_ALIGNED(type, name)	DECLARE_PER_CPU_ALIGNED(type, name)
#define DEFINE_PER_CPU_SHARED_ALIGNED(type, name)	DEFINE_PER_CPU_ALIGNED(type, name)
#define DECLARE_PER_CPU_READ_MOSTLY(type, name)		DECLARE_PER_CPU(type, name)
#define DEFINE_PER_CPU_READ_MOSTLY(type, name)		DEFINE_PER_CPU(type, name)

#include CTXRACE_ARCH_HEADER(percpu.h)

extern unsigned long __per_cpu_offset[];

#define per_cpu_offset(cpu)		(__per_cpu_offset[cpu])
#define per_cpu_ptr(pointer, cpu)	RELOC_HIDE(pointer, per_cpu_offset(cpu))
#define per_cpu(variable, cpu)		(*per_cpu_ptr(&(variable), cpu))

#define raw_cpu_ptr(pointer)		RELOC_HIDE(pointer, __my_cpu_offset())
#define this_cpu_ptr(pointer)		raw_cpu_ptr(pointer)

#define get_cpu_var(variable)		(*({ preempt_disable(); this_cpu_ptr(&(variable)); }))
#define put_cpu_var(variable)		do { (void)&(variable); preempt_enable(); } while (0)
#define get_cpu_ptr(pointer)		({ preempt_disable(); this_cpu_ptr(pointer); })
#define put_cpu_ptr(pointer)		do { (void)(pointer); preempt_enable(); } while (0)

#ifndef CTXRACE_ARCH_RAW_CPU
#define raw_cpu_read(pcp)		({ *raw_cpu_ptr(&(pcp)); })
#define raw_cpu_write(pcp, value)	do { *raw_cpu_ptr(&(pcp)) = (value); } while (0)
#define raw_cpu_add(pcp, value)		do { *raw_cpu_ptr(&(pcp)) += (value); } while (0)
#define raw_cpu_and(pcp, value)		do { *raw_cpu_ptr(&(pcp)) &= (value); } while (0)
#define raw_cpu_or(pcp, value)		do { *raw_cpu_ptr(&(pcp)) |= (value); } while (0)

#define raw_cpu_add_return(pcp, value) ({			\
	__typeof__(pcp) *__pcp = raw_cpu_ptr(&(pcp));		\
	*__pcp += (value);					\
	*__pcp;							\
})
#define raw_cpu_xchg(pcp, value) ({				\
	__typeof__(pcp) *__pcp = raw_cpu_ptr(&(pcp));		\
	__typeof__(pcp) __was = *__pcp;				\
	*__pcp = (value);					\
	__was;							\
})
#define raw_cpu_cmpxchg(pcp, old, new) ({			\
	__typeof__(pcp) *__pcp = raw_cpu_ptr(&(pcp));		\
	__typeof__(pcp) __was = *__pcp;				\
	if (__was == (__typeof__(pcp))(old))			\
		*__pcp = (new);					\
	__was;							\
})
#endif

/* Of unsigned types too the operand is negated in the variable's own type. */
#define raw_cpu_sub(pcp, value)			raw_cpu_add(pcp, -(__typeof__(pcp))(value))
#define raw_cpu_inc(pcp)			raw_cpu_add(pcp, 1)
#define raw_cpu_dec(pcp)			raw_cpu_sub(pcp, 1)
#define raw_cpu_sub_return(pcp, value)		raw_cpu_add_return(pcp, -(__typeof__(pcp))(value))
#define raw_cpu_inc_return(pcp)			raw_cpu_add_return(pcp, 1)
#define raw_cpu_dec_return(pcp)			raw_cpu_sub_return(pcp, 1)

#define __this_cpu_read(pcp)			raw_cpu_read(pcp)
#define __this_cpu_write(pcp, value)		raw_cpu_write(pcp, value)
#define __this_cpu_add(pcp, value)		raw_cpu_add(pcp, value)
#define __this_cpu_sub(pcp, value)		raw_cpu_sub(pcp, value)
#define __this_cpu_inc(pcp)			raw_cpu_inc(pcp)
#define __this_cpu_dec(pcp)			raw_cpu_dec(pcp)
#define __this_cpu_and(pcp, value)		raw_cpu_and(pcp, value)
#define __this_cpu_or(pcp, value)		raw_cpu_or(pcp, value)
#define __this_cpu_add_return(pcp, value)	raw_cpu_add_return(pcp, value)
#define __this_cpu_sub_return(pcp, value)	raw_cpu_sub_return(pcp, value)
#define __this_cpu_inc_return(pcp)		raw_cpu_inc_return(pcp)
#define __this_cpu_dec_return(pcp)		raw_cpu_dec_return(pcp)
#define __this_cpu_xchg(pcp, value)		raw_cpu_xchg(pcp, value)
#define __this_cpu_cmpxchg(pcp, old, new)	raw_cpu_cmpxchg(pcp, old, new)

/* From the architecture: this_cpu_read, write, add, and, or, add_return, xchg, cmpxchg. */
#define this_cpu_sub(pcp, value)		this_cpu_add(pcp, -(__typeof__(pcp))(value))
#define this_cpu_inc(pcp)			this_cpu_add(pcp, 1)
#define this_cpu_dec(pcp)			this_cpu_sub(pcp, 1)
#define this_cpu_sub_return(pcp, value)		this_cpu_add_return(pcp, -(__typeof__(pcp))(value))
#define this_cpu_inc_return(pcp)		this_cpu_add_return(pcp, 1)
#define this_cpu_dec_return(pcp)		this_cpu_sub_return(pcp, 1)

#endif
