/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/instrumentation.h; see linux/compiler.h.
 */
#ifndef CTXRACE_LINUX_INSTRUMENTATION_H
#define CTXRACE_LINUX_INSTRUMENTATION_H

#include <linux/compiler.h>

#endif
