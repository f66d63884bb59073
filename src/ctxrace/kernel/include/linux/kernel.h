/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/kernel.h and what it includes.
 */
#ifndef CTXRACE_LINUX_KERNEL_H
#define CTXRACE_LINUX_KERNEL_H

#include <ctxrace/byteorder.h>
#include <linux/bitops.h>
#include <linux/build_bug.h>
#include <linux/compiler.h>
#include <linux/container_of.h>
#include <linux/export.h>
#include <linux/limits.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/printk.h>
#include <linux/stddef.h>
#include <linux/stringify.h>
#include <linux/types.h>

#define upper_32_bits(n)	((u32)((u64)(n) >> 32))
#define lower_32_bits(n)	((u32)(n))
#define typecheck(type, x)	({ type __wanted; __typeof__(x) __given; (void)(&__wanted == &__given); 1; })
#define might_sleep_if(condition) do { if (condition) might_sleep(); } while (0)

#endif
