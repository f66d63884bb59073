/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/minmax.h; ctxrace/macros.h has min(), max(), clamp() and swap(), which check
 * less.
 */
#ifndef CTXRACE_LINUX_MINMAX_H
#define CTXRACE_LINUX_MINMAX_H

#include <ctxrace/macros.h>

#endif
