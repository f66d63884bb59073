/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/math.h and include/linux/align.h: rounding.
 */
#ifndef CTXRACE_LINUX_MATH_H
#define CTXRACE_LINUX_MATH_H

#include <ctxrace/types.h>

#define __ALIGN_MASK(x, mask)	(((x) + (mask)) & ~(mask))
#define ALIGN(x, a)		__ALIGN_MASK(x, (__typeof__(x))(a) - 1)
#define ALIGN_DOWN(x, a)	((x) & ~((__typeof__(x))(a) - 1))
#define PTR_ALIGN(p, a)		((__typeof__(p))ALIGN((unsigned long)(p), (a)))
#define IS_ALIGNED(x, a)	(((x) & ((__typeof__(x))(a) - 1)) == 0)
#define DIV_ROUND_UP(n, d)	(((n) + (d) - 1) / (d))
#define round_up(x, a)		ALIGN(x, a)
#define round_down(x, a)	ALIGN_DOWN(x, a)
#define roundup(x, y)		({ __typeof__(y) __to = (y); (((x) + (__to - 1)) / __to) * __to; })
#define rounddown(x, y)		({ __typeof__(x) __from = (x); __from - (__from % (y)); })
#define abs(x)			({ __typeof__(x) __signed = (x); __signed < 0 ? -__signed : __signed; })

#endif
