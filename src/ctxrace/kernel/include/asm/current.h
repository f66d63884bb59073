/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 arch/.../include/asm/current.h: the running task.
 */
#ifndef CTXRACE_ASM_CURRENT_H
#define CTXRACE_ASM_CURRENT_H

#include <linux/sched.h>

#endif
