/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/string.h and lib/string.c: memory is copied, set and compared byte by byte,
 * lowest address first, and so others may see any part of it; a copy of few bytes and known size is what the compiler
 * makes of it, as in the kernel.
 */
#ifndef CTXRACE_LINUX_STRING_H
#define CTXRACE_LINUX_STRING_H

#include <linux/compiler.h>
#include <linux/types.h>

/* Weak, so that every object may bring them. What each loop hides keeps the compiler from calling what it is compiling. */
__weak noinline void *memcpy(void *to, const void *from, size_t count)
{
	unsigned char *at = to;
	const unsigned char *source = from;

	for (; count; count--) {
		*at++ = *source++;
		barrier();
	}
	return to;
}

__weak noinline void *memmove(void *to, const void *from, size_t count)
{
	unsigned char *at = to;
	const unsigned char *source = from;

	if (at <= source)
		return memcpy(to, from, count);
	while (count) {
		count--;
		at[count] = source[count];
		barrier();
	}
	return to;
}

__weak noinline void *memset(void *to, int value, size_t count)
{
	unsigned char *at = to;

	for (; count; count--) {
		*at++ = (unsigned char)value;
		barrier();
	}
	return to;
}

__weak noinline int memcmp(const void *left, const void *right, size_t count)
{
	const unsigned char *a = left, *b = right;

	for (; count; count--, a++, b++) {
		barrier();
		if (*a != *b)
			return *a - *b;
	}
	return 0;
}

static __always_inline size_t strlen(const char *text)
{
	size_t length = 0;

	while (text[length])
		length++;
	return length;
}

static __always_inline int strcmp(const char *left, const char *right)
{
	while (*left && *left == *right)
		left++, right++;
	return (unsigned char)*left - (unsigned char)*right;
}

#define memcpy(to, from, count)		__builtin_memcpy(to, from, count)
#define memmove(to, from, count)	__builtin_memmove(to, from, count)
#define memset(to, value, count)	__builtin_memset(to, value, count)
#define memcmp(left, right, count)	__builtin_memcmp(left, right, count)
#define memzero_explicit(to, count)	do { memset(to, 0, count); barrier_data(to); } while (0)

#endif
