/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 arch/.../include/asm/bug.h: BUG() and WARN().
 */
#ifndef CTXRACE_ASM_BUG_H
#define CTXRACE_ASM_BUG_H

#include <linux/bug.h>

#endif
