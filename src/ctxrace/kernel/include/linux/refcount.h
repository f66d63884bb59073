/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/refcount.h and lib/refcount.c: a count that stays where it is once it went
 * wrong. The kernel's warnings (added to 0, below 0, too much) are checks that failed, as those of WARN_ON().
 */
#ifndef CTXRACE_LINUX_REFCOUNT_H
#define CTXRACE_LINUX_REFCOUNT_H

#include <linux/atomic.h>
#include <ctxrace/bug.h>
#include <linux/compiler.h>
#include <linux/limits.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>

typedef struct refcount_struct {
	atomic_t refs;
} refcount_t;

#define REFCOUNT_INIT(n)	{ .refs = ATOMIC_INIT(n) }
#define REFCOUNT_MAX		INT_MAX
#define REFCOUNT_SATURATED	(INT_MIN / 2)

static __always_inline void ctxrace_saturate(refcount_t *r)
{
	atomic_set(&r->refs, REFCOUNT_SATURATED);
}

static __always_inline void refcount_set(refcount_t *r, int n)
{
	atomic_set(&r->refs, n);
}

static __always_inline unsigned int refcount_read(const refcount_t *r)
{
	return (unsigned int)atomic_read(&r->refs);
}

static __always_inline void refcount_add(int i, refcount_t *r)
{
	int was = atomic_fetch_add_relaxed(i, &r->refs);
	bool refcount_add_on_zero = !was, refcount_saturated = was < 0 || was > INT_MAX - i;

	if (WARN_ON(refcount_add_on_zero) || WARN_ON(refcount_saturated))
		ctxrace_saturate(r);
}

static __always_inline void refcount_inc(refcount_t *r)
{
	refcount_add(1, r);
}

static __always_inline bool __must_check refcount_add_not_zero(int i, refcount_t *r)
{
	int was = (int)refcount_read(r);
	bool refcount_saturated;

	do {
		if (!was)
			return false;
	} while (!atomic_try_cmpxchg_relaxed(&r->refs, &was, (int)((unsigned int)was + (unsigned int)i)));
	refcount_saturated = was < 0 || was > INT_MAX - i;
	if (WARN_ON(refcount_saturated))
		ctxrace_saturate(r);
	return true;
}

static __always_inline bool __must_check refcount_inc_not_zero(refcount_t *r)
{
	return refcount_add_not_zero(1, r);
}

static __always_inline bool __must_check refcount_sub_and_test(int i, refcount_t *r)
{
	int was = atomic_fetch_sub_release(i, &r->refs);
	bool refcount_underflow = was <= 0 || was < i;

	if (was > 0 && was == i) {
		smp_mb();	/* acquire, and more than that */
		return true;
	}
	if (WARN_ON(refcount_underflow))
		ctxrace_saturate(r);
	return false;
}

static __always_inline bool __must_check refcount_dec_and_test(refcount_t *r)
{
	return refcount_sub_and_test(1, r);
}

static __always_inline void refcount_dec(refcount_t *r)
{
	bool refcount_dec_leaked = atomic_fetch_sub_release(1, &r->refs) <= 1;

	if (WARN_ON(refcount_dec_leaked))
		ctxrace_saturate(r);
}

static __always_inline bool __must_check refcount_dec_if_one(refcount_t *r)
{
	int one = 1;

	return atomic_try_cmpxchg_release(&r->refs, &one, 0);
}

static __always_inline bool __must_check refcount_dec_not_one(refcount_t *r)
{
	int was = (int)refcount_read(r);

	do {
		if (was == REFCOUNT_SATURATED)
			return true;
		if (was == 1)
			return false;
		if (WARN_ON(was <= 0))
			return true;
	} while (!atomic_try_cmpxchg_release(&r->refs, &was, was - 1));
	return true;
}

#define CTXRACE_REFCOUNT_LAST(r, lock_it, unlock_it) ({		\
	bool __last = false;					\
	if (!refcount_dec_not_one(r)) {				\
		lock_it;					\
		__last = refcount_dec_and_test(r);		\
		if (!__last)					\
			unlock_it;				\
	}							\
	__last;							\
})
#define refcount_dec_and_lock(r, lock)		CTXRACE_REFCOUNT_LAST(r, spin_lock(lock), spin_unlock(lock))
#define refcount_dec_and_mutex_lock(r, lock)	CTXRACE_REFCOUNT_LAST(r, mutex_lock(lock), mutex_unlock(lock))
#define refcount_dec_and_lock_irqsave(r, lock, flags) \
	CTXRACE_REFCOUNT_LAST(r, spin_lock_irqsave(lock, *(flags)), spin_unlock_irqrestore(lock, *(flags)))

#endif
