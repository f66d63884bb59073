/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/seqlock.h and seqlock_types.h: a counter that is odd while somebody writes. A
 * reader spins while it is odd; on PREEMPT_RT it takes and gives back the writer's lock, where that is one a task
 * sleeps for. A writer asks, as with CONFIG_PROVE_LOCKING, that it cannot be preempted or has the lock. The counter
 * has all its 32 bits, so a search in which writers write for ever does not end: CTXRACE_ATTEMPTS() bounds it.
 */
#ifndef CTXRACE_LINUX_SEQLOCK_H
#define CTXRACE_LINUX_SEQLOCK_H

#include <linux/lockdep.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>

typedef struct seqcount {
	unsigned int sequence;
} seqcount_t;

#define SEQCNT_ZERO(name)		{ 0 }
#define seqcount_init(s)		WRITE_ONCE((s)->sequence, 0)

/* A counter whose writers have a lock. */
#define CTXRACE_SEQCOUNT(name, type)		\
typedef struct seqcount_##name {		\
	seqcount_t seqcount;			\
	type *lock;				\
} seqcount_##name##_t;
CTXRACE_SEQCOUNT(raw_spinlock, raw_spinlock_t)
CTXRACE_SEQCOUNT(spinlock, spinlock_t)
CTXRACE_SEQCOUNT(rwlock, rwlock_t)
CTXRACE_SEQCOUNT(mutex, struct mutex)
#undef CTXRACE_SEQCOUNT

#define SEQCNT_RAW_SPINLOCK_ZERO(name, taken)	{ { 0 }, (taken) }
#define SEQCNT_SPINLOCK_ZERO(name, taken)	{ { 0 }, (taken) }
#define SEQCNT_RWLOCK_ZERO(name, taken)		{ { 0 }, (taken) }
#define SEQCNT_MUTEX_ZERO(name, taken)		{ { 0 }, (taken) }

#define CTXRACE_SEQCOUNT_INIT(s, with)	do { WRITE_ONCE((s)->seqcount.sequence, 0); (s)->lock = (with); } while (0)
#define seqcount_raw_spinlock_init(s, with)	CTXRACE_SEQCOUNT_INIT(s, with)
#define seqcount_spinlock_init(s, with)		CTXRACE_SEQCOUNT_INIT(s, with)
#define seqcount_rwlock_init(s, with)		CTXRACE_SEQCOUNT_INIT(s, with)
#define seqcount_mutex_init(s, with)		CTXRACE_SEQCOUNT_INIT(s, with)

/* What a writer must have, and what a reader does while one is in there, by the kind of counter. */
static __always_inline void ctxrace_seq_held_none(const void *s __maybe_unused)
{
	lockdep_assert_preemption_disabled();
}

static __always_inline void ctxrace_seq_spin(const void *s __maybe_unused)
{
	cpu_relax();
}

#define CTXRACE_SEQ_KIND(name, lock_it, unlock_it)					\
static __always_inline void ctxrace_seq_held_##name(const void *s)			\
{											\
	lockdep_assert_held(((const seqcount_##name##_t *)s)->lock);			\
}											\
static __always_inline void ctxrace_seq_wait_##name(const void *s __maybe_unused)	\
{											\
	lock_it(((const seqcount_##name##_t *)s)->lock);				\
	unlock_it(((const seqcount_##name##_t *)s)->lock);				\
}
#define CTXRACE_NOT_TAKEN(lock)	cpu_relax()
#if CTXRACE_PREEMPT_RT
CTXRACE_SEQ_KIND(spinlock, spin_lock, spin_unlock)
CTXRACE_SEQ_KIND(rwlock, read_lock, read_unlock)
CTXRACE_SEQ_KIND(mutex, mutex_lock, mutex_unlock)
#else
CTXRACE_SEQ_KIND(spinlock, CTXRACE_NOT_TAKEN, (void))
CTXRACE_SEQ_KIND(rwlock, CTXRACE_NOT_TAKEN, (void))
CTXRACE_SEQ_KIND(mutex, CTXRACE_NOT_TAKEN, (void))
#endif
CTXRACE_SEQ_KIND(raw_spinlock, CTXRACE_NOT_TAKEN, (void))
#undef CTXRACE_SEQ_KIND

/* The number itself comes first in each of them. */
#define CTXRACE_SEQ(s)		(&((seqcount_t *)(unsigned long)(s))->sequence)
#define CTXRACE_SEQ_BY_KIND(s, none, prefix)			\
	(_Generic(*(s),						\
		seqcount_t: none,				\
		seqcount_raw_spinlock_t: prefix##raw_spinlock,	\
		seqcount_spinlock_t: prefix##spinlock,		\
		seqcount_rwlock_t: prefix##rwlock,		\
		seqcount_mutex_t: prefix##mutex)(s))
#define CTXRACE_SEQ_HELD(s)	CTXRACE_SEQ_BY_KIND(s, ctxrace_seq_held_none, ctxrace_seq_held_)
#define CTXRACE_SEQ_WAIT(s)	CTXRACE_SEQ_BY_KIND(s, ctxrace_seq_spin, ctxrace_seq_wait_)
/* A writer that could be preempted would let readers spin for ever; on PREEMPT_RT they wait for its lock. */
#define CTXRACE_SEQ_PREEMPTIBLE(s) _Generic(*(s), seqcount_mutex_t: !CTXRACE_PREEMPT_RT, default: 0)

static __always_inline void ctxrace_seq_begin(unsigned int *sequence)
{
	WRITE_ONCE(*sequence, *sequence + 1);
	smp_wmb();
}

static __always_inline void ctxrace_seq_end(unsigned int *sequence)
{
	smp_wmb();
	WRITE_ONCE(*sequence, *sequence + 1);
}

#define raw_write_seqcount_begin(s) do {	\
	if (CTXRACE_SEQ_PREEMPTIBLE(s))		\
		preempt_disable();		\
	ctxrace_seq_begin(CTXRACE_SEQ(s));	\
} while (0)
#define raw_write_seqcount_end(s) do {		\
	ctxrace_seq_end(CTXRACE_SEQ(s));	\
	if (CTXRACE_SEQ_PREEMPTIBLE(s))		\
		preempt_enable();		\
} while (0)
#define write_seqcount_begin(s)		do { CTXRACE_SEQ_HELD(s); raw_write_seqcount_begin(s); } while (0)
#define write_seqcount_begin_nested(s, subclass) write_seqcount_begin(s)
#define write_seqcount_end(s)		raw_write_seqcount_end(s)
#define write_seqcount_invalidate(s)	do { smp_wmb(); WRITE_ONCE(*CTXRACE_SEQ(s), *CTXRACE_SEQ(s) + 2); } while (0)
#define raw_write_seqcount_barrier(s) do {				\
	WRITE_ONCE(*CTXRACE_SEQ(s), *CTXRACE_SEQ(s) + 1);		\
	smp_wmb();							\
	WRITE_ONCE(*CTXRACE_SEQ(s), *CTXRACE_SEQ(s) + 1);		\
} while (0)

#define raw_read_seqcount(s)		smp_load_acquire(CTXRACE_SEQ(s))
#define raw_seqcount_begin(s)		(raw_read_seqcount(s) & ~1U)
#define __read_seqcount_begin(s) ({				\
	unsigned int __even = raw_read_seqcount(s);		\
	while (unlikely(__even & 1)) {				\
		CTXRACE_SEQ_WAIT(s);				\
		__even = raw_read_seqcount(s);			\
	}							\
	__even;							\
})
#define raw_read_seqcount_begin(s)	__read_seqcount_begin(s)
#define read_seqcount_begin(s)		__read_seqcount_begin(s)
#define __read_seqcount_retry(s, start)	unlikely(READ_ONCE(*CTXRACE_SEQ(s)) != (start))
#define read_seqcount_retry(s, start)	({ smp_rmb(); __read_seqcount_retry(s, start); })

/* A latch: two copies, and the counter says which of them nobody writes. */
typedef struct {
	seqcount_t seqcount;
} seqcount_latch_t;

#define SEQCNT_LATCH_ZERO(name)		{ { 0 } }
#define seqcount_latch_init(s)		seqcount_init(&(s)->seqcount)

static __always_inline unsigned int read_seqcount_latch(const seqcount_latch_t *s)
{
	return READ_ONCE(s->seqcount.sequence);
}

static __always_inline int read_seqcount_latch_retry(const seqcount_latch_t *s, unsigned int start)
{
	smp_rmb();
	return unlikely(READ_ONCE(s->seqcount.sequence) != start);
}

static __always_inline void raw_write_seqcount_latch(seqcount_latch_t *s)
{
	smp_wmb();
	WRITE_ONCE(s->seqcount.sequence, s->seqcount.sequence + 1);
	smp_wmb();
}

static __always_inline void write_seqcount_latch_end(seqcount_latch_t *s __maybe_unused)
{
}
#define raw_read_seqcount_latch(s)		read_seqcount_latch(s)
#define raw_read_seqcount_latch_retry(s, start)	read_seqcount_latch_retry(s, start)
#define write_seqcount_latch_begin(s)		raw_write_seqcount_latch(s)
#define write_seqcount_latch(s)			raw_write_seqcount_latch(s)

/* A counter and its lock. */
typedef struct {
	seqcount_spinlock_t seqcount;
	spinlock_t lock;
} seqlock_t;

#define __SEQLOCK_UNLOCKED(name)	{ .seqcount = { { 0 }, &(name).lock }, .lock = __SPIN_LOCK_INITIALIZER(name) }
#define DEFINE_SEQLOCK(name)		seqlock_t name = __SEQLOCK_UNLOCKED(name)

static __always_inline void seqlock_init(seqlock_t *sl)
{
	spin_lock_init(&sl->lock);
	seqcount_spinlock_init(&sl->seqcount, &sl->lock);
}

static __always_inline unsigned int read_seqbegin(const seqlock_t *sl)
{
	return read_seqcount_begin(&sl->seqcount);
}

static __always_inline unsigned int read_seqretry(const seqlock_t *sl, unsigned int start)
{
	return read_seqcount_retry(&sl->seqcount, start);
}

#define CTXRACE_SEQLOCK(suffix)							\
static __always_inline void write_seqlock##suffix(seqlock_t *sl)		\
{										\
	spin_lock##suffix(&sl->lock);						\
	ctxrace_seq_begin(CTXRACE_SEQ(&sl->seqcount));				\
}										\
static __always_inline void write_sequnlock##suffix(seqlock_t *sl)		\
{										\
	ctxrace_seq_end(CTXRACE_SEQ(&sl->seqcount));				\
	spin_unlock##suffix(&sl->lock);						\
}										\
static __always_inline void read_seqlock_excl##suffix(seqlock_t *sl)		\
{										\
	spin_lock##suffix(&sl->lock);						\
}										\
static __always_inline void read_sequnlock_excl##suffix(seqlock_t *sl)		\
{										\
	spin_unlock##suffix(&sl->lock);						\
}
CTXRACE_SEQLOCK()
CTXRACE_SEQLOCK(_bh)
CTXRACE_SEQLOCK(_irq)
#undef CTXRACE_SEQLOCK

#define write_seqlock_irqsave(sl, flags) do {			\
	spin_lock_irqsave(&(sl)->lock, flags);			\
	ctxrace_seq_begin(CTXRACE_SEQ(&(sl)->seqcount));	\
} while (0)
#define write_sequnlock_irqrestore(sl, flags) do {		\
	ctxrace_seq_end(CTXRACE_SEQ(&(sl)->seqcount));		\
	spin_unlock_irqrestore(&(sl)->lock, flags);		\
} while (0)
#define read_seqlock_excl_irqsave(sl, flags)		spin_lock_irqsave(&(sl)->lock, flags)
#define read_sequnlock_excl_irqrestore(sl, flags)	spin_unlock_irqrestore(&(sl)->lock, flags)

static __always_inline void read_seqbegin_or_lock(seqlock_t *sl, int *seq)
{
	if (*seq & 1)
		read_seqlock_excl(sl);
	else
		*seq = (int)read_seqbegin(sl);
}

static __always_inline int need_seqretry(seqlock_t *sl, int seq)
{
	return !(seq & 1) && read_seqretry(sl, (unsigned int)seq);
}

static __always_inline void done_seqretry(seqlock_t *sl, int seq)
{
	if (seq & 1)
		read_sequnlock_excl(sl);
}

#endif
