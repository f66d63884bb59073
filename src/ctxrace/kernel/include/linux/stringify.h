/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/stringify.h.
 */
#ifndef CTXRACE_LINUX_STRINGIFY_H
#define CTXRACE_LINUX_STRINGIFY_H

#define __stringify_1(...)	#__VA_ARGS__
#define __stringify(...)	__stringify_1(__VA_ARGS__)

#endif
