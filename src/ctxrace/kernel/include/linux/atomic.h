/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/atomic.h: atomic_t, atomic64_t and atomic_long_t, which ctxrace/atomic.h has,
 * and the exchanges.
 */
#ifndef CTXRACE_LINUX_ATOMIC_H
#define CTXRACE_LINUX_ATOMIC_H

#include <asm/cmpxchg.h>
#include <ctxrace/atomic.h>
#include <linux/types.h>

#endif
