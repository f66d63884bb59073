/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/unaligned.h; see ctxrace/unaligned.h.
 */
#ifndef CTXRACE_LINUX_UNALIGNED_H
#define CTXRACE_LINUX_UNALIGNED_H

#include <ctxrace/unaligned.h>

#endif
