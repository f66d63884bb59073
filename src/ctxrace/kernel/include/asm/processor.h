/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 arch/.../include/asm/processor.h: cpu_relax(), the one thing here that code under test needs.
 */
#ifndef CTXRACE_ASM_PROCESSOR_H
#define CTXRACE_ASM_PROCESSOR_H

#include <ctxrace/barrier.h>

#endif
