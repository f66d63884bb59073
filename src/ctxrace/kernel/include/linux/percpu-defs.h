/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/percpu-defs.h; linux/percpu.h has all of it.
 */
#ifndef CTXRACE_LINUX_PERCPU_DEFS_H
#define CTXRACE_LINUX_PERCPU_DEFS_H

#include <linux/percpu.h>

#endif
