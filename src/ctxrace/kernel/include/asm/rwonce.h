/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 arch/.../include/asm/rwonce.h: READ_ONCE() and WRITE_ONCE(), of include/asm-generic/rwonce.h.
 */
#ifndef CTXRACE_ASM_RWONCE_H
#define CTXRACE_ASM_RWONCE_H

#include <linux/compiler.h>

#endif
