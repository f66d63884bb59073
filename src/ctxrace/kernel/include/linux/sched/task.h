/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/sched/task.h: tasks stay; see linux/sched.h.
 */
#ifndef CTXRACE_LINUX_SCHED_TASK_H
#define CTXRACE_LINUX_SCHED_TASK_H

#include <linux/sched.h>

#endif
