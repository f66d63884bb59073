/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/cpu.h: no CPU comes or goes, so that nothing keeps one there.
 */
#ifndef CTXRACE_LINUX_CPU_H
#define CTXRACE_LINUX_CPU_H

#include <linux/cpumask.h>

#endif
