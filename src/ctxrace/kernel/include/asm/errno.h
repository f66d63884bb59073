/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 arch/.../include/asm/errno.h: the numbers of errors.
 */
#ifndef CTXRACE_ASM_ERRNO_H
#define CTXRACE_ASM_ERRNO_H

#include <linux/errno.h>

#endif
