/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 arch/.../include/asm/unaligned.h: what linux/unaligned.h was before v6.12.
 */
#ifndef CTXRACE_ASM_UNALIGNED_H
#define CTXRACE_ASM_UNALIGNED_H

#include <linux/unaligned.h>

#endif
