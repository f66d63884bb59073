/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/overflow.h: arithmetic that says whether it wrapped, and sizes that stop at the
 * largest.
 */
#ifndef CTXRACE_LINUX_OVERFLOW_H
#define CTXRACE_LINUX_OVERFLOW_H

#include <linux/compiler.h>
#include <linux/limits.h>
#include <linux/types.h>

#define check_add_overflow(a, b, result)	__builtin_add_overflow(a, b, result)
#define check_sub_overflow(a, b, result)	__builtin_sub_overflow(a, b, result)
#define check_mul_overflow(a, b, result)	__builtin_mul_overflow(a, b, result)

static __always_inline size_t size_add(size_t a, size_t b)
{
	size_t sum;

	return check_add_overflow(a, b, &sum) ? SIZE_MAX : sum;
}

static __always_inline size_t size_mul(size_t a, size_t b)
{
	size_t product;

	return check_mul_overflow(a, b, &product) ? SIZE_MAX : product;
}
#define array_size(a, b)			size_mul(a, b)
#define struct_size(pointer, member, count) \
	size_add(sizeof(*(pointer)), size_mul(count, sizeof(*(pointer)->member)))

#endif
