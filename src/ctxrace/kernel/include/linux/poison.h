/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/poison.h: what a deleted node points to, which linux/list.h has.
 */
#ifndef CTXRACE_LINUX_POISON_H
#define CTXRACE_LINUX_POISON_H

#include <linux/list.h>

#endif
