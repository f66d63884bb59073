/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/compiler_attributes.h; linux/compiler.h has its attributes.
 */
#ifndef CTXRACE_LINUX_COMPILER_ATTRIBUTES_H
#define CTXRACE_LINUX_COMPILER_ATTRIBUTES_H

#include <linux/compiler.h>

#endif
