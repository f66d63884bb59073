/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/bitops.h; ctxrace/bitops.h has the operations.
 */
#ifndef CTXRACE_LINUX_BITOPS_H
#define CTXRACE_LINUX_BITOPS_H

#include <ctxrace/bitops.h>
#include <linux/bits.h>

#endif
