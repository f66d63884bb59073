/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/smp.h, beyond what ctxrace/smp.h has. Calls of a function on another CPU are
 * declared only: a scenario says what a hardirq runs.
 */
#ifndef CTXRACE_LINUX_SMP_H
#define CTXRACE_LINUX_SMP_H

#include <ctxrace/smp.h>
#include <linux/cpumask.h>

#define __smp_processor_id()	raw_smp_processor_id()

int smp_call_function_single(int cpu, void (*function)(void *info), void *info, int wait);
void smp_call_function(void (*function)(void *info), void *info, int wait);
void on_each_cpu(void (*function)(void *info), void *info, int wait);

#endif
