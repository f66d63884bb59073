/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/stddef.h: NULL and offsetof(), which ctxrace/types.h has.
 */
#ifndef CTXRACE_LINUX_STDDEF_H
#define CTXRACE_LINUX_STDDEF_H

#include <ctxrace/types.h>

#endif
