/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/sched/signal.h: nobody sends a signal; see linux/sched.h.
 */
#ifndef CTXRACE_LINUX_SCHED_SIGNAL_H
#define CTXRACE_LINUX_SCHED_SIGNAL_H

#include <linux/sched.h>

#endif
