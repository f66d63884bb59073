/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/container_of.h; ctxrace/macros.h has container_of(), which checks no types.
 */
#ifndef CTXRACE_LINUX_CONTAINER_OF_H
#define CTXRACE_LINUX_CONTAINER_OF_H

#include <ctxrace/macros.h>

#endif
