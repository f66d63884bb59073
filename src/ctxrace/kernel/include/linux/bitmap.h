/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/bitmap.h: arrays of bits, changed by plain loads and stores.
 */
#ifndef CTXRACE_LINUX_BITMAP_H
#define CTXRACE_LINUX_BITMAP_H

#include <linux/compiler.h>
#include <linux/bitops.h>

static __always_inline void bitmap_zero(unsigned long *map, unsigned int bits)
{
	for (unsigned int at = 0; at < BITS_TO_LONGS(bits); at++)
		map[at] = 0;
}

static __always_inline unsigned long find_next_bit(const unsigned long *map, unsigned long bits, unsigned long from)
{
	for (; from < bits; from++)
		if (test_bit(from, map))
			break;
	return from < bits ? from : bits;
}

static __always_inline unsigned long find_next_zero_bit(const unsigned long *map, unsigned long bits, unsigned long from)
{
	for (; from < bits; from++)
		if (!test_bit(from, map))
			break;
	return from < bits ? from : bits;
}
#define find_first_bit(map, bits)	find_next_bit(map, bits, 0)
#define find_first_zero_bit(map, bits)	find_next_zero_bit(map, bits, 0)
#define bitmap_empty(map, bits)		(find_first_bit(map, bits) == (bits))
#define bitmap_full(map, bits)		(find_first_zero_bit(map, bits) == (bits))
#define for_each_set_bit(bit, map, bits) \
	for ((bit) = find_first_bit(map, bits); (bit) < (bits); (bit) = find_next_bit(map, bits, (bit) + 1))

#endif
