/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/bottom_half.h; see ctxrace/bottom_half.h.
 */
#ifndef CTXRACE_LINUX_BOTTOM_HALF_H
#define CTXRACE_LINUX_BOTTOM_HALF_H

#include <ctxrace/bottom_half.h>

#endif
