/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 arch/.../include/asm/irqflags.h: the interrupt mask.
 */
#ifndef CTXRACE_ASM_IRQFLAGS_H
#define CTXRACE_ASM_IRQFLAGS_H

#include <ctxrace/irqflags.h>

#endif
