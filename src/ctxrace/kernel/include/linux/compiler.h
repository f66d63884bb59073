/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/compiler.h, compiler_types.h, compiler_attributes.h,
 * include/linux/kcsan-checks.h and instrumentation.h, beyond what ctxrace/compiler.h has. What only tells a checker
 * something is nothing here. data_race() is its expression: ctxrace asks of every access what can come between,
 * whatever the source says of it. A function that is noinstr may be interrupted like any other.
 */
#ifndef CTXRACE_LINUX_COMPILER_H
#define CTXRACE_LINUX_COMPILER_H

#include <ctxrace/compiler.h>
#include <ctxrace/scenario.h>

#define __acquires(...)
#define __releases(...)
#define __must_hold(...)
#define __cond_acquires(...)
#define __guarded_by(...)
#define __acquire(lock)		((void)0)
#define __release(lock)		((void)0)
#define __private
#define __bitwise
#define __kernel
#define __no_kcsan
#define __no_sanitize_or_inline	__always_inline
#define __nocast
#define __safe
#define __sched
#define __visible
#define __randomize_layout
#define asmlinkage
#define nokprobe_inline		__always_inline
#define NOKPROBE_SYMBOL(function) struct ctxrace_nothing

#define noinstr			noinline notrace
#define __cpuidle		noinstr
#define instrumentation_begin()	do { } while (0)
#define instrumentation_end()	do { } while (0)

#define data_race(expression)	({ __auto_type __raced = (expression); __raced; })
#define ASSERT_EXCLUSIVE_WRITER(variable)	((void)0)
#define ASSERT_EXCLUSIVE_ACCESS(variable)	((void)0)
#define kcsan_check_access(pointer, size, type)	((void)0)

#define __always_unused		__attribute__((__unused__))
#define __alias(symbol)		__attribute__((__alias__(#symbol)))
#define __attribute_const__	__attribute__((__const__))
#define __cleanup(function)	__attribute__((__cleanup__(function)))
#define __malloc		__attribute__((__malloc__))
#define __printf(format, first)	__attribute__((__format__(__printf__, format, first)))
#define __pure			__attribute__((__pure__))
#define __no_return		__noreturn
#define noinline_for_stack	noinline
#define fallthrough		__attribute__((__fallthrough__))
#define __hot			__attribute__((__hot__))

#define ____cacheline_aligned			__aligned(64)
#define ____cacheline_aligned_in_smp		____cacheline_aligned
#define __cacheline_aligned			____cacheline_aligned
#define __cacheline_aligned_in_smp		____cacheline_aligned
#define ____cacheline_internodealigned_in_smp	____cacheline_aligned
#define __read_mostly
#define __ro_after_init

#define OPTIMIZER_HIDE_VAR(variable)	__asm__("" : "=r" (variable) : "0" (variable))
#define __same_type(a, b)		__builtin_types_compatible_p(__typeof__(a), __typeof__(b))
#define __unqual_scalar_typeof(x)	__typeof__(({ __auto_type __value = (x); __value; }))
#define __UNIQUE_ID(prefix)		CTXRACE_UNIQUE_ID(prefix, __COUNTER__)
#define CTXRACE_UNIQUE_ID(prefix, number)  CTXRACE_UNIQUE_ID_(prefix, number)
#define CTXRACE_UNIQUE_ID_(prefix, number) __unique_id_##prefix##_##number

#endif
