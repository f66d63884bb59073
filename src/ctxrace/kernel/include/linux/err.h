/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/err.h: the last 4095 addresses are errors' numbers, negative.
 */
#ifndef CTXRACE_LINUX_ERR_H
#define CTXRACE_LINUX_ERR_H

#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/types.h>

#define MAX_ERRNO		4095
#define IS_ERR_VALUE(value)	unlikely((unsigned long)(void *)(value) >= (unsigned long)-MAX_ERRNO)

static __always_inline void * __must_check ERR_PTR(long error)
{
	return (void *)error;
}

static __always_inline long __must_check PTR_ERR(const void *pointer)
{
	return (long)pointer;
}

static __always_inline bool __must_check IS_ERR(const void *pointer)
{
	return IS_ERR_VALUE(pointer);
}

static __always_inline bool __must_check IS_ERR_OR_NULL(const void *pointer)
{
	return unlikely(!pointer) || IS_ERR_VALUE(pointer);
}

static __always_inline void * __must_check ERR_CAST(const void *pointer)
{
	return (void *)(unsigned long)pointer;
}

static __always_inline int __must_check PTR_ERR_OR_ZERO(const void *pointer)
{
	return IS_ERR(pointer) ? (int)PTR_ERR(pointer) : 0;
}

#endif
