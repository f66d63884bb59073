/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/kconfig.h: IS_ENABLED(), which ctxrace/macros.h has.
 */
#ifndef CTXRACE_LINUX_KCONFIG_H
#define CTXRACE_LINUX_KCONFIG_H

#include <ctxrace/macros.h>

#endif
