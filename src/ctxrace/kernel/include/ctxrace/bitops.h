/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v6.19 include/linux/bitops.h and include/asm-generic/bitops/{atomic,non-atomic,lock}.h:
 * bits of an array of longs. The names with two underscores are a plain load and store.
 */
#ifndef CTXRACE_BITOPS_H
#define CTXRACE_BITOPS_H

#include <ctxrace/atomic.h>
#include <ctxrace/macros.h>

#define BIT_WORD(nr)		((nr) / BITS_PER_LONG)
#define BIT_MASK(nr)		(1UL << ((nr) % BITS_PER_LONG))
#define BITS_TO_LONGS(bits)	(((bits) + BITS_PER_LONG - 1) / BITS_PER_LONG)
#define DECLARE_BITMAP(name, bits) unsigned long name[BITS_TO_LONGS(bits)]

static __always_inline atomic_long_t *ctxrace_bit_word(unsigned long nr, volatile unsigned long *address)
{
	return (atomic_long_t *)(unsigned long *)&address[BIT_WORD(nr)];
}

static __always_inline bool test_bit(unsigned long nr, const volatile unsigned long *address)
{
	return (address[BIT_WORD(nr)] & BIT_MASK(nr)) != 0;
}

static __always_inline bool test_bit_acquire(unsigned long nr, const volatile unsigned long *address)
{
	return (smp_load_acquire(&address[BIT_WORD(nr)]) & BIT_MASK(nr)) != 0;
}

#define CTXRACE_BITOP(name, op, assign)								\
static __always_inline void name##_bit(unsigned long nr, volatile unsigned long *address)	\
{												\
	atomic_long_##op((long)BIT_MASK(nr), ctxrace_bit_word(nr, address));			\
}												\
static __always_inline bool test_and_##name##_bit(unsigned long nr, volatile unsigned long *address) \
{												\
	return (atomic_long_fetch_##op((long)BIT_MASK(nr), ctxrace_bit_word(nr, address)) &	\
		(long)BIT_MASK(nr)) != 0;							\
}												\
static __always_inline void __##name##_bit(unsigned long nr, volatile unsigned long *address)	\
{												\
	unsigned long *word = (unsigned long *)address + BIT_WORD(nr);				\
												\
	*word assign BIT_MASK(nr);								\
}												\
static __always_inline bool __test_and_##name##_bit(unsigned long nr, volatile unsigned long *address) \
{												\
	unsigned long *word = (unsigned long *)address + BIT_WORD(nr);				\
	unsigned long was = *word;								\
												\
	*word = was;										\
	*word assign BIT_MASK(nr);								\
	return (was & BIT_MASK(nr)) != 0;							\
}

CTXRACE_BITOP(set, or, |=)
CTXRACE_BITOP(clear, andnot, &= ~)
CTXRACE_BITOP(change, xor, ^=)

#undef CTXRACE_BITOP

/* A bit that is taken already is not written. */
static __always_inline bool test_and_set_bit_lock(unsigned long nr, volatile unsigned long *address)
{
	if (test_bit(nr, address))
		return true;
	return (atomic_long_fetch_or_acquire((long)BIT_MASK(nr), ctxrace_bit_word(nr, address)) &
		(long)BIT_MASK(nr)) != 0;
}

static __always_inline void clear_bit_unlock(unsigned long nr, volatile unsigned long *address)
{
	atomic_long_fetch_andnot_release((long)BIT_MASK(nr), ctxrace_bit_word(nr, address));
}

/* Positions: ffs() and fls() count from 1 and give 0 for no bit; those with underscores count from 0. */
static __always_inline int ffs(int word)
{
	return __builtin_ffs(word);
}

static __always_inline int fls(unsigned int word)
{
	return word ? 32 - __builtin_clz(word) : 0;
}

static __always_inline int fls64(u64 word)
{
	return word ? 64 - __builtin_clzll(word) : 0;
}

static __always_inline unsigned long __ffs(unsigned long word)
{
	return (unsigned long)__builtin_ctzl(word);
}

static __always_inline unsigned long __fls(unsigned long word)
{
	return BITS_PER_LONG - 1 - (unsigned long)__builtin_clzl(word);
}

static __always_inline unsigned long ffz(unsigned long word)
{
	return __ffs(~word);
}

#endif
