/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for the xchg() and cmpxchg() half of Linux v6.19 include/linux/atomic/atomic-instrumented.h: for
 * integers and pointers of 1, 2, 4 and 8 bytes, over the architecture's arch_xchg_32() and its like.
 */
#ifndef CTXRACE_CMPXCHG_H
#define CTXRACE_CMPXCHG_H

#include <ctxrace/arch.h>
#include <ctxrace/compiler.h>
#include <ctxrace/types.h>
#include CTXRACE_ARCH_HEADER(atomic.h)

/* One of function_8() to function_64(), by the size of what the pointer points to; the value has its type. */
#define CTXRACE_BY_SIZE(function, pointer, ...) ({						\
	__auto_type __at = (pointer);								\
	unsigned long __was = 0;								\
	_Static_assert(sizeof(*__at) == 1 || sizeof(*__at) == 2 ||				\
		       sizeof(*__at) == 4 || sizeof(*__at) == 8, "1, 2, 4 or 8 bytes");		\
	switch (sizeof(*__at)) {								\
	case 1: __was = function##_8(__at, __VA_ARGS__); break;					\
	case 2: __was = function##_16(__at, __VA_ARGS__); break;				\
	case 4: __was = function##_32(__at, __VA_ARGS__); break;				\
	case 8: __was = function##_64(__at, __VA_ARGS__); break;				\
	}											\
	(__typeof__(*__at))__was;								\
})

#ifndef CTXRACE_ARCH_CMPXCHG_LOCAL
# define arch_cmpxchg_local_8	arch_cmpxchg_relaxed_8
# define arch_cmpxchg_local_16	arch_cmpxchg_relaxed_16
# define arch_cmpxchg_local_32	arch_cmpxchg_relaxed_32
# define arch_cmpxchg_local_64	arch_cmpxchg_relaxed_64
#endif

#define CTXRACE_XCHG(order, pointer, value) \
	CTXRACE_BY_SIZE(arch_xchg##order, pointer, (unsigned long)(value))
#define CTXRACE_CMPXCHG(order, pointer, old, new) \
	CTXRACE_BY_SIZE(arch_cmpxchg##order, pointer, (unsigned long)(old), (unsigned long)(new))
#define CTXRACE_TRY_CMPXCHG(order, pointer, expected, new) ({			\
	__auto_type __expected = (expected);					\
	__auto_type __wanted = *__expected;					\
	__auto_type __found = CTXRACE_CMPXCHG(order, pointer, __wanted, new);	\
	bool __same = __found == __wanted;					\
	if (unlikely(!__same))							\
		*__expected = __found;						\
	likely(__same);								\
})

#define xchg(pointer, value)				CTXRACE_XCHG(, pointer, value)
#define xchg_acquire(pointer, value)			CTXRACE_XCHG(_acquire, pointer, value)
#define xchg_release(pointer, value)			CTXRACE_XCHG(_release, pointer, value)
#define xchg_relaxed(pointer, value)			CTXRACE_XCHG(_relaxed, pointer, value)

#define cmpxchg(pointer, old, new)			CTXRACE_CMPXCHG(, pointer, old, new)
#define cmpxchg_acquire(pointer, old, new)		CTXRACE_CMPXCHG(_acquire, pointer, old, new)
#define cmpxchg_release(pointer, old, new)		CTXRACE_CMPXCHG(_release, pointer, old, new)
#define cmpxchg_relaxed(pointer, old, new)		CTXRACE_CMPXCHG(_relaxed, pointer, old, new)
#define cmpxchg_local(pointer, old, new)		CTXRACE_CMPXCHG(_local, pointer, old, new)

#define try_cmpxchg(pointer, expected, new)		CTXRACE_TRY_CMPXCHG(, pointer, expected, new)
#define try_cmpxchg_acquire(pointer, expected, new)	CTXRACE_TRY_CMPXCHG(_acquire, pointer, expected, new)
#define try_cmpxchg_release(pointer, expected, new)	CTXRACE_TRY_CMPXCHG(_release, pointer, expected, new)
#define try_cmpxchg_relaxed(pointer, expected, new)	CTXRACE_TRY_CMPXCHG(_relaxed, pointer, expected, new)
#define try_cmpxchg_local(pointer, expected, new)	CTXRACE_TRY_CMPXCHG(_local, pointer, expected, new)

#endif
