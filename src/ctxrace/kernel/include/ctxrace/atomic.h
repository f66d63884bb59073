/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v6.19 include/linux/atomic.h and of include/linux/atomic/: atomic_t, atomic64_t and
 * atomic_long_t over the architecture's arch_fetch_add_32() and its like. The value that an operation
 * returns is computed from the one it found, which is the same instructions or one more on registers.
 */
#ifndef CTXRACE_ATOMIC_H
#define CTXRACE_ATOMIC_H

#include <ctxrace/barrier.h>
#include <ctxrace/cmpxchg.h>
#include <ctxrace/compiler.h>
#include <ctxrace/types.h>

typedef struct { int counter; } atomic_t;
typedef struct { s64 counter; } atomic64_t;
typedef atomic64_t atomic_long_t;

#define ATOMIC_INIT(value)	{ (value) }
#define ATOMIC64_INIT(value)	{ (value) }
#define ATOMIC_LONG_INIT(value)	{ (value) }

/* Four names for each operation that returns a value: fully ordered, and three that order less. */
#define ATOMIC_ORDERS(make, ...)	\
	make(__VA_ARGS__, )		\
	make(__VA_ARGS__, _acquire)	\
	make(__VA_ARGS__, _release)	\
	make(__VA_ARGS__, _relaxed)

/* op: the kernel's name; arch_op, operand: the instruction's operation and what it is given for i. */
#define ATOMIC_VOID(prefix, type, bits, op, arch_op, operand)					\
static __always_inline void prefix##_##op(type i, prefix##_t *v)				\
{												\
	arch_##arch_op##_##bits(&v->counter, (unsigned long)(operand));				\
}

#define ATOMIC_FETCH(prefix, type, bits, op, arch_op, operand, order)				\
static __always_inline type prefix##_fetch_##op##order(type i, prefix##_t *v)			\
{												\
	return (type)arch_fetch_##arch_op##order##_##bits(&v->counter, (unsigned long)(operand)); \
}

/* The sum is computed unsigned: it wraps, as the kernel's -fno-strict-overflow has it. */
#define ATOMIC_RETURN(prefix, type, bits, op, arch_op, operand, order)				\
static __always_inline type prefix##_##op##_return##order(type i, prefix##_t *v)		\
{												\
	return (type)((unsigned long)prefix##_fetch_##op##order(i, v) + (unsigned long)(operand)); \
}

#define ATOMIC_EXCHANGE(prefix, type, bits, order)						\
static __always_inline type prefix##_xchg##order(prefix##_t *v, type new)			\
{												\
	return (type)arch_xchg##order##_##bits(&v->counter, (unsigned long)new);		\
}												\
static __always_inline type prefix##_cmpxchg##order(prefix##_t *v, type old, type new)		\
{												\
	return (type)arch_cmpxchg##order##_##bits(&v->counter, (unsigned long)old, (unsigned long)new); \
}												\
static __always_inline bool prefix##_try_cmpxchg##order(prefix##_t *v, type *old, type new)	\
{												\
	type found = prefix##_cmpxchg##order(v, *old, new);					\
	bool same = found == *old;								\
												\
	if (unlikely(!same))									\
		*old = found;									\
	return likely(same);									\
}

#define ATOMIC_STEP(prefix, type, bits, order)							\
static __always_inline type prefix##_inc_return##order(prefix##_t *v)				\
{												\
	return prefix##_add_return##order(1, v);						\
}												\
static __always_inline type prefix##_dec_return##order(prefix##_t *v)				\
{												\
	return prefix##_sub_return##order(1, v);						\
}												\
static __always_inline type prefix##_fetch_inc##order(prefix##_t *v)				\
{												\
	return prefix##_fetch_add##order(1, v);							\
}												\
static __always_inline type prefix##_fetch_dec##order(prefix##_t *v)				\
{												\
	return prefix##_fetch_sub##order(1, v);							\
}												\
static __always_inline bool prefix##_add_negative##order(type i, prefix##_t *v)			\
{												\
	return prefix##_add_return##order(i, v) < 0;						\
}

#define ATOMIC_ARITHMETIC(prefix, type, bits, op, arch_op, operand)				\
	ATOMIC_VOID(prefix, type, bits, op, arch_op, operand)					\
	ATOMIC_ORDERS(ATOMIC_FETCH, prefix, type, bits, op, arch_op, operand)			\
	ATOMIC_ORDERS(ATOMIC_RETURN, prefix, type, bits, op, arch_op, operand)

#define ATOMIC_LOGIC(prefix, type, bits, op, arch_op, operand)					\
	ATOMIC_VOID(prefix, type, bits, op, arch_op, operand)					\
	ATOMIC_ORDERS(ATOMIC_FETCH, prefix, type, bits, op, arch_op, operand)

/* Replace the value found by another one, unless it is of the kind that must stay. */
#define ATOMIC_CONDITIONAL(prefix, type, name, parameters, stays, replacement)			\
static __always_inline type name parameters							\
{												\
	type found = prefix##_read(v);								\
												\
	do {											\
		if (unlikely(stays))								\
			break;									\
	} while (!prefix##_try_cmpxchg(v, &found, replacement));				\
	return found;										\
}

#define ATOMIC_FAMILY(prefix, type, bits)							\
static __always_inline type prefix##_read(const prefix##_t *v)					\
{												\
	return READ_ONCE(v->counter);								\
}												\
static __always_inline void prefix##_set(prefix##_t *v, type i)					\
{												\
	WRITE_ONCE(v->counter, i);								\
}												\
static __always_inline type prefix##_read_acquire(const prefix##_t *v)				\
{												\
	return smp_load_acquire(&v->counter);							\
}												\
static __always_inline void prefix##_set_release(prefix##_t *v, type i)				\
{												\
	smp_store_release(&v->counter, i);							\
}												\
ATOMIC_ARITHMETIC(prefix, type, bits, add, add, i)						\
ATOMIC_ARITHMETIC(prefix, type, bits, sub, add, -(unsigned long)i)				\
ATOMIC_LOGIC(prefix, type, bits, and, andnot, ~i)						\
ATOMIC_LOGIC(prefix, type, bits, andnot, andnot, i)						\
ATOMIC_LOGIC(prefix, type, bits, or, or, i)							\
ATOMIC_LOGIC(prefix, type, bits, xor, xor, i)							\
ATOMIC_ORDERS(ATOMIC_EXCHANGE, prefix, type, bits)						\
ATOMIC_ORDERS(ATOMIC_STEP, prefix, type, bits)							\
static __always_inline void prefix##_inc(prefix##_t *v)						\
{												\
	prefix##_add(1, v);									\
}												\
static __always_inline void prefix##_dec(prefix##_t *v)						\
{												\
	prefix##_sub(1, v);									\
}												\
static __always_inline bool prefix##_sub_and_test(type i, prefix##_t *v)			\
{												\
	return prefix##_sub_return(i, v) == 0;							\
}												\
static __always_inline bool prefix##_inc_and_test(prefix##_t *v)				\
{												\
	return prefix##_inc_return(v) == 0;							\
}												\
static __always_inline bool prefix##_dec_and_test(prefix##_t *v)				\
{												\
	return prefix##_dec_return(v) == 0;							\
}												\
ATOMIC_CONDITIONAL(prefix, type, prefix##_fetch_add_unless,					\
		   (prefix##_t *v, type i, type unless), found == unless,			\
		   (type)((unsigned long)found + (unsigned long)i))				\
ATOMIC_CONDITIONAL(prefix, type, prefix##_fetch_dec_if_positive, (prefix##_t *v), found <= 0, found - 1) \
static __always_inline bool prefix##_add_unless(prefix##_t *v, type i, type unless)		\
{												\
	return prefix##_fetch_add_unless(v, i, unless) != unless;				\
}												\
static __always_inline bool prefix##_inc_not_zero(prefix##_t *v)				\
{												\
	return prefix##_add_unless(v, 1, 0);							\
}												\
/* One less than what was found, even where that was not stored. */				\
static __always_inline type prefix##_dec_if_positive(prefix##_t *v)				\
{												\
	return (type)((unsigned long)prefix##_fetch_dec_if_positive(v) - 1);			\
}

ATOMIC_FAMILY(atomic, int, 32)
ATOMIC_FAMILY(atomic64, s64, 64)
#if __SIZEOF_LONG__ == 8
ATOMIC_FAMILY(atomic_long, long, 64)
#endif

#undef ATOMIC_FAMILY
#undef ATOMIC_CONDITIONAL
#undef ATOMIC_LOGIC
#undef ATOMIC_ARITHMETIC
#undef ATOMIC_STEP
#undef ATOMIC_EXCHANGE
#undef ATOMIC_RETURN
#undef ATOMIC_FETCH
#undef ATOMIC_VOID
#undef ATOMIC_ORDERS

#endif
