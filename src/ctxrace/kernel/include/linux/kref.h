/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/kref.h: a refcount with a function that is called at 0.
 */
#ifndef CTXRACE_LINUX_KREF_H
#define CTXRACE_LINUX_KREF_H

#include <linux/refcount.h>

struct kref {
	refcount_t refcount;
};

#define KREF_INIT(n)	{ .refcount = REFCOUNT_INIT(n) }

static __always_inline void kref_init(struct kref *kref)
{
	refcount_set(&kref->refcount, 1);
}

static __always_inline unsigned int kref_read(const struct kref *kref)
{
	return refcount_read(&kref->refcount);
}

static __always_inline void kref_get(struct kref *kref)
{
	refcount_inc(&kref->refcount);
}

static __always_inline int __must_check kref_get_unless_zero(struct kref *kref)
{
	return refcount_inc_not_zero(&kref->refcount);
}

static __always_inline int kref_put(struct kref *kref, void (*release)(struct kref *kref))
{
	bool last = refcount_dec_and_test(&kref->refcount);

	if (last)
		release(kref);
	return last;
}

static __always_inline int kref_put_lock(struct kref *kref, void (*release)(struct kref *kref), spinlock_t *lock)
{
	bool last = refcount_dec_and_lock(&kref->refcount, lock);

	if (last)
		release(kref);
	return last;
}

static __always_inline int kref_put_mutex(struct kref *kref, void (*release)(struct kref *kref), struct mutex *lock)
{
	bool last = refcount_dec_and_mutex_lock(&kref->refcount, lock);

	if (last)
		release(kref);
	return last;
}

#endif
