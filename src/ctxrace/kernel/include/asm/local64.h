/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/asm-generic/local64.h on 64-bit machines: a local_t.
 */
#ifndef CTXRACE_ASM_LOCAL64_H
#define CTXRACE_ASM_LOCAL64_H

#include <asm/local.h>

typedef struct {
	local_t a;
} local64_t;

#define LOCAL64_INIT(value)		{ LOCAL_INIT(value) }
#define local64_read(l)			local_read(&(l)->a)
#define local64_set(l, value)		local_set(&(l)->a, (value))
#define local64_inc(l)			local_inc(&(l)->a)
#define local64_dec(l)			local_dec(&(l)->a)
#define local64_add(i, l)		local_add((i), &(l)->a)
#define local64_sub(i, l)		local_sub((i), &(l)->a)
#define local64_add_return(i, l)	local_add_return((i), &(l)->a)
#define local64_sub_return(i, l)	local_sub_return((i), &(l)->a)
#define local64_inc_return(l)		local_inc_return(&(l)->a)
#define local64_sub_and_test(i, l)	local_sub_and_test((i), &(l)->a)
#define local64_dec_and_test(l)		local_dec_and_test(&(l)->a)
#define local64_inc_and_test(l)		local_inc_and_test(&(l)->a)
#define local64_add_negative(i, l)	local_add_negative((i), &(l)->a)
#define local64_cmpxchg(l, old, new)	((s64)local_cmpxchg(&(l)->a, (old), (new)))
#define local64_try_cmpxchg(l, expected, new) local_try_cmpxchg(&(l)->a, expected, new)
#define local64_xchg(l, new)		((s64)local_xchg(&(l)->a, (new)))
#define local64_add_unless(l, i, unless) local_add_unless(&(l)->a, i, unless)
#define local64_inc_not_zero(l)		local_inc_not_zero(&(l)->a)

#endif
