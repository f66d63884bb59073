/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/asm-generic/local.h and arch/x86/include/asm/local.h: a long that one CPU's contexts
 * change. On x86-64 that is one instruction without a lock, elsewhere what an atomic_long_t does.
 */
#ifndef CTXRACE_ASM_LOCAL_H
#define CTXRACE_ASM_LOCAL_H

#include <ctxrace/arch.h>
#include <ctxrace/atomic.h>

typedef struct {
	atomic_long_t a;
} local_t;

#define LOCAL_INIT(value)		{ ATOMIC_LONG_INIT(value) }
#define local_read(l)			atomic_long_read(&(l)->a)
#define local_set(l, value)		atomic_long_set(&(l)->a, (value))

#ifdef __x86_64__
# include <ctxrace/arch/x86/local.h>
#else
# define local_add(i, l)		atomic_long_add((i), &(l)->a)
# define local_sub(i, l)		atomic_long_sub((i), &(l)->a)
# define local_add_return(i, l)		atomic_long_add_return((i), &(l)->a)
# define local_cmpxchg(l, old, new)	atomic_long_cmpxchg(&(l)->a, (old), (new))
# define local_xchg(l, new)		atomic_long_xchg(&(l)->a, (new))
#endif

#define local_inc(l)			local_add(1, l)
#define local_dec(l)			local_sub(1, l)
#define local_sub_return(i, l)		local_add_return(-(long)(i), l)
#define local_inc_return(l)		local_add_return(1, l)
#define local_dec_return(l)		local_sub_return(1, l)
#define local_sub_and_test(i, l)	(local_sub_return(i, l) == 0)
#define local_dec_and_test(l)		(local_sub_return(1, l) == 0)
#define local_inc_and_test(l)		(local_add_return(1, l) == 0)
#define local_add_negative(i, l)	(local_add_return(i, l) < 0)
#define local_try_cmpxchg(l, expected, new) ({			\
	__auto_type __expected = (expected);			\
	long __wanted = *__expected;				\
	long __found = local_cmpxchg(l, __wanted, new);		\
	if (__found != __wanted)				\
		*__expected = __found;				\
	__found == __wanted;					\
})
#define local_add_unless(l, i, unless) ({			\
	long __was = local_read(l);				\
	do {							\
		if (__was == (unless))				\
			break;					\
	} while (!local_try_cmpxchg(l, &__was, __was + (i)));	\
	__was != (unless);					\
})
#define local_inc_not_zero(l)		local_add_unless(l, 1, 0)

#define __local_inc(l)			local_set(l, local_read(l) + 1)
#define __local_dec(l)			local_set(l, local_read(l) - 1)
#define __local_add(i, l)		local_set(l, local_read(l) + (i))
#define __local_sub(i, l)		local_set(l, local_read(l) - (i))

#endif
