/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/build_bug.h: static_assert() and BUILD_BUG_ON(), which ctxrace/macros.h has.
 */
#ifndef CTXRACE_LINUX_BUILD_BUG_H
#define CTXRACE_LINUX_BUILD_BUG_H

#include <ctxrace/macros.h>

#endif
