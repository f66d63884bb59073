/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 arch/.../include/asm/thread_info.h: the thread_info, which comes first in a task_struct.
 */
#ifndef CTXRACE_ASM_THREAD_INFO_H
#define CTXRACE_ASM_THREAD_INFO_H

#include <linux/sched.h>

#endif
