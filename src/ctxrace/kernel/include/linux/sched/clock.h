/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/sched/clock.h: sched_clock() and local_clock(), which linux/sched.h declares
 * only.
 */
#ifndef CTXRACE_LINUX_SCHED_CLOCK_H
#define CTXRACE_LINUX_SCHED_CLOCK_H

#include <linux/sched.h>

#endif
