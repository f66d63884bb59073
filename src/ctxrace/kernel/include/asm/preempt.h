/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 arch/.../include/asm/preempt.h: the preempt count.
 */
#ifndef CTXRACE_ASM_PREEMPT_H
#define CTXRACE_ASM_PREEMPT_H

#include <ctxrace/preempt.h>

#endif
