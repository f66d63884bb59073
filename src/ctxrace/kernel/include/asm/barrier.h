/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 arch/.../include/asm/barrier.h: the memory barriers.
 */
#ifndef CTXRACE_ASM_BARRIER_H
#define CTXRACE_ASM_BARRIER_H

#include <ctxrace/barrier.h>

#endif
