/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/export.h: EXPORT_SYMBOL() is nothing, as all that is checked is linked
 * together.
 */
#ifndef CTXRACE_LINUX_EXPORT_H
#define CTXRACE_LINUX_EXPORT_H

#include <ctxrace/macros.h>

#endif
