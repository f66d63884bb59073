/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/array_size.h: ARRAY_SIZE(), which ctxrace/macros.h has and which checks
 * nothing.
 */
#ifndef CTXRACE_LINUX_ARRAY_SIZE_H
#define CTXRACE_LINUX_ARRAY_SIZE_H

#include <ctxrace/macros.h>

#endif
