/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/percpu.h and percpu-defs.h, beyond what ctxrace/percpu.h has. Memory is not
 * allocated: alloc_percpu() is declared only. for_each_possible_cpu() is in linux/cpumask.h.
 */
#ifndef CTXRACE_LINUX_PERCPU_H
#define CTXRACE_LINUX_PERCPU_H

#include <ctxrace/percpu.h>
#include <linux/compiler.h>
#include <linux/cpumask.h>
#include <linux/smp.h>

#define DECLARE_PER_CPU_CACHE_HOT(type, name)		DECLARE_PER_CPU(type, name)
#define DEFINE_PER_CPU_CACHE_HOT(type, name)		DEFINE_PER_CPU(type, name)
#define DECLARE_PER_CPU_PAGE_ALIGNED(type, name)	DECLARE_PER_CPU(type, name)
#define DEFINE_PER_CPU_PAGE_ALIGNED(type, name)		DEFINE_PER_CPU(type, name) __aligned(4096)
#define EXPORT_PER_CPU_SYMBOL(name)			EXPORT_SYMBOL(name)
#define EXPORT_PER_CPU_SYMBOL_GPL(name)			EXPORT_SYMBOL(name)

#define CTXRACE_PER_CPU_TRY(cmpxchg_of, pcp, expected, new) ({		\
	__auto_type __expected = (expected);				\
	__typeof__(pcp) __wanted = *__expected;				\
	__typeof__(pcp) __found = cmpxchg_of(pcp, __wanted, new);	\
	bool __same = __found == __wanted;				\
	if (unlikely(!__same))						\
		*__expected = __found;					\
	likely(__same);							\
})
#define this_cpu_try_cmpxchg(pcp, expected, new)	CTXRACE_PER_CPU_TRY(this_cpu_cmpxchg, pcp, expected, new)
#define __this_cpu_try_cmpxchg(pcp, expected, new)	CTXRACE_PER_CPU_TRY(__this_cpu_cmpxchg, pcp, expected, new)
#define raw_cpu_try_cmpxchg(pcp, expected, new)		CTXRACE_PER_CPU_TRY(raw_cpu_cmpxchg, pcp, expected, new)
#define this_cpu_cmpxchg64(pcp, old, new)		this_cpu_cmpxchg(pcp, old, new)
#define this_cpu_try_cmpxchg64(pcp, expected, new)	this_cpu_try_cmpxchg(pcp, expected, new)
#define __this_cpu_ptr(pointer)				raw_cpu_ptr(pointer)
#define SHIFT_PERCPU_PTR(pointer, bytes)		RELOC_HIDE(pointer, bytes)
#define per_cpu_sum(pointer) ({						\
	__typeof__(*(pointer)) __sum = 0;				\
	unsigned int __cpu;						\
	for_each_possible_cpu(__cpu)					\
		__sum += *per_cpu_ptr(pointer, __cpu);			\
	__sum;								\
})

void __percpu *__alloc_percpu(size_t size, size_t align);
void free_percpu(void __percpu *pointer);
#define alloc_percpu(type)		((type __percpu *)__alloc_percpu(sizeof(type), __alignof__(type)))
#define alloc_percpu_gfp(type, gfp)	alloc_percpu(type)

#endif
