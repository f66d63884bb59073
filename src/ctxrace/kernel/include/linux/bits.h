/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/bits.h: BIT() and GENMASK(), which ctxrace/macros.h has.
 */
#ifndef CTXRACE_LINUX_BITS_H
#define CTXRACE_LINUX_BITS_H

#include <ctxrace/macros.h>

#endif
