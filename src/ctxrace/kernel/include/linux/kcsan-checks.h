/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/kcsan-checks.h; see linux/compiler.h.
 */
#ifndef CTXRACE_LINUX_KCSAN_CHECKS_H
#define CTXRACE_LINUX_KCSAN_CHECKS_H

#include <linux/compiler.h>

#endif
