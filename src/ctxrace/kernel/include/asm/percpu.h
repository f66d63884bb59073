/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 arch/.../include/asm/percpu.h: variables of which each CPU has its own.
 */
#ifndef CTXRACE_ASM_PERCPU_H
#define CTXRACE_ASM_PERCPU_H

#include <linux/percpu.h>

#endif
