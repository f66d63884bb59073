/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 arch/.../include/asm/byteorder.h: the byte orders, with arch/.../include/uapi/asm/byteorder.h.
 */
#ifndef CTXRACE_ASM_BYTEORDER_H
#define CTXRACE_ASM_BYTEORDER_H

#include <ctxrace/byteorder.h>

#endif
