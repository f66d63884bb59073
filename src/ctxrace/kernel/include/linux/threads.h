/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/threads.h: as many CPUs as ctxrace takes.
 */
#ifndef CTXRACE_LINUX_THREADS_H
#define CTXRACE_LINUX_THREADS_H

#define NR_CPUS		8
#define CONFIG_NR_CPUS	NR_CPUS

#endif
