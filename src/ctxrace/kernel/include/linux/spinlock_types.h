/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/spinlock_types.h; linux/spinlock.h has the types and what is done with them.
 */
#ifndef CTXRACE_LINUX_SPINLOCK_TYPES_H
#define CTXRACE_LINUX_SPINLOCK_TYPES_H

#include <linux/spinlock.h>

#endif
