/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 arch/.../include/asm/atomic.h: the atomic operations.
 */
#ifndef CTXRACE_ASM_ATOMIC_H
#define CTXRACE_ASM_ATOMIC_H

#include <linux/atomic.h>

#endif
