/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/cache.h: alignment to a cache line, which linux/compiler.h has.
 */
#ifndef CTXRACE_LINUX_CACHE_H
#define CTXRACE_LINUX_CACHE_H

#include <linux/compiler.h>

#endif
