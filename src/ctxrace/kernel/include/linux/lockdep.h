/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/lockdep.h and lockdep_types.h. A lock's dep_map is here its one word: 0 while
 * nobody has it. lockdep_assert_held() is a ctxrace_check() that somebody has the lock; that it is the one who asks
 * is not looked at. Of a local_lock_t, which is no lock but on PREEMPT_RT, it asks that its task cannot be preempted.
 * The other assertions ask what the kernel's ask, as with CONFIG_PROVE_LOCKING. Classes and nesting are nothing: the
 * order of locks is found by what deadlocks.
 */
#ifndef CTXRACE_LINUX_LOCKDEP_H
#define CTXRACE_LINUX_LOCKDEP_H

#include <ctxrace/bug.h>
#include <ctxrace/preempt.h>
#include <linux/compiler.h>

#define LOCKDEP_WRITER	0x80000000U	/* the word of a lock with readers, while a writer has it */

struct lockdep_map {
	unsigned int taken;
};
struct lock_class_key {
	char nothing[1];
};
struct local_lock;

static __always_inline bool ctxrace_word_is_taken(const void *word)
{
	return READ_ONCE(*(const unsigned int *)word) != 0;
}

static __always_inline bool ctxrace_local_is_taken(const void *word __maybe_unused)
{
#if CTXRACE_PREEMPT_RT
	return ctxrace_word_is_taken(word);
#else
	return !preemptible();
#endif
}

#define lockdep_is_held(lock)						\
	(_Generic((lock),						\
		struct local_lock *: ctxrace_local_is_taken,		\
		const struct local_lock *: ctxrace_local_is_taken,	\
		default: ctxrace_word_is_taken)(lock))
#define lockdep_is_held_type(lock, read)	lockdep_is_held(lock)

#define lockdep_assert(condition)		ctxrace_check(condition)
#define lockdep_assert_once(condition)		ctxrace_check(condition)
#define lockdep_assert_held(lock)		ctxrace_check(lockdep_is_held(lock))
#define lockdep_assert_held_once(lock)		lockdep_assert_held(lock)
#define lockdep_assert_held_read(lock)		lockdep_assert_held(lock)
#define lockdep_assert_held_write(lock)		lockdep_assert_held(lock)
#define lockdep_assert_not_held(lock)		ctxrace_check(!lockdep_is_held(lock))
#define lockdep_assert_none_held_once()		do { } while (0)

#define lockdep_assert_irqs_enabled()		ctxrace_check(!irqs_disabled())
#define lockdep_assert_irqs_disabled()		ctxrace_check(irqs_disabled())
#define lockdep_assert_in_irq()			ctxrace_check(in_hardirq())
#define lockdep_assert_no_hardirq()		ctxrace_check(!in_hardirq() && !irqs_disabled())
#define lockdep_assert_preemption_enabled()	ctxrace_check(preemptible())
#define lockdep_assert_preemption_disabled()	ctxrace_check(!preemptible())
#define lockdep_assert_in_softirq()		ctxrace_check(in_softirq() && !in_hardirq() && !in_nmi())

#define lockdep_set_class(lock, key)			do { (void)(lock); (void)(key); } while (0)
#define lockdep_set_class_and_name(lock, key, name)	do { (void)(lock); (void)(key); } while (0)
#define lockdep_set_novalidate_class(lock)		do { (void)(lock); } while (0)
#define lockdep_register_key(key)			do { (void)(key); } while (0)
#define lockdep_unregister_key(key)			do { (void)(key); } while (0)
#define lockdep_off()					do { } while (0)
#define lockdep_on()					do { } while (0)
#define lock_map_acquire(map)				do { (void)(map); } while (0)
#define lock_map_release(map)				do { (void)(map); } while (0)
#define might_lock(lock)				do { (void)(lock); } while (0)
#define might_lock_read(lock)				do { (void)(lock); } while (0)
#define SINGLE_DEPTH_NESTING				1

#endif
