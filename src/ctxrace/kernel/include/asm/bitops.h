/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 arch/.../include/asm/bitops.h: operations on bits.
 */
#ifndef CTXRACE_ASM_BITOPS_H
#define CTXRACE_ASM_BITOPS_H

#include <linux/bitops.h>

#endif
