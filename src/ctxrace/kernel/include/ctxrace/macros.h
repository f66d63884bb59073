/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for the small macros of Linux v6.19 include/linux/: array_size.h, bits.h, build_bug.h, container_of.h,
 * export.h, kconfig.h, minmax.h. They check less: min() and max() leave mixed signedness to the compiler's
 * -Wsign-compare. EXPORT_SYMBOL() is nothing, as a scenario is linked whole.
 */
#ifndef CTXRACE_MACROS_H
#define CTXRACE_MACROS_H

#include <ctxrace/types.h>

#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))

#define BIT(nr)			(1UL << (nr))
#define BIT_ULL(nr)		(1ULL << (nr))
#define GENMASK(high, low)	((~0UL << (low)) & (~0UL >> (BITS_PER_LONG - 1 - (high))))
#define GENMASK_ULL(high, low)	((~0ULL << (low)) & (~0ULL >> (63 - (high))))

#define static_assert(condition, ...) CTXRACE_STATIC_ASSERT(condition, ##__VA_ARGS__, #condition)
#define CTXRACE_STATIC_ASSERT(condition, message, ...) _Static_assert(condition, message)
#define BUILD_BUG_ON(condition)	_Static_assert(!(condition), "BUILD_BUG_ON failed: " #condition)

#define container_of(pointer, type, member) \
	((type *)((char *)(1 ? (pointer) : &((type *)0)->member) - offsetof(type, member)))

#define EXPORT_SYMBOL(symbol)		struct ctxrace_nothing
#define EXPORT_SYMBOL_GPL(symbol)	struct ctxrace_nothing

#define min(a, b) ({ __auto_type __a = (a); __auto_type __b = (b); __a < __b ? __a : __b; })
#define max(a, b) ({ __auto_type __a = (a); __auto_type __b = (b); __a > __b ? __a : __b; })
#define min_t(type, a, b)	min((type)(a), (type)(b))
#define max_t(type, a, b)	max((type)(a), (type)(b))
#define clamp(value, low, high)	min(max(value, low), high)

#define swap(a, b) do {				\
	__typeof__(a) __a = (a);		\
	(a) = (b);				\
	(b) = __a;				\
} while (0)

/*
 * IS_ENABLED(CONFIG_X) is 1 where CONFIG_X is defined as 1, and 0 where it is not defined: only a 1 turns
 * into a comma, which moves the 1 behind it to the place that is taken.
 */
#define IS_ENABLED(option)		CTXRACE_IS_ONE(option)
#define CTXRACE_IS_ONE(value)		CTXRACE_COMMA_IF(CTXRACE_COMMA_IF_##value)
#define CTXRACE_COMMA_IF(comma)		CTXRACE_SECOND(comma 1, 0, 0)
#define CTXRACE_COMMA_IF_1		0,
#define CTXRACE_SECOND(first, second, ...) second

#endif
