/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v6.19 include/linux/smp.h. As on arm64, the CPU's number is a per-CPU variable; it is
 * weak, so that every object may bring it.
 */
#ifndef CTXRACE_SMP_H
#define CTXRACE_SMP_H

#include <ctxrace/percpu.h>

__weak DEFINE_PER_CPU_READ_MOSTLY(int, cpu_number);

#define raw_smp_processor_id()	(*raw_cpu_ptr(&cpu_number))
#define smp_processor_id()	raw_smp_processor_id()

#define get_cpu()		({ preempt_disable(); smp_processor_id(); })
#define put_cpu()		preempt_enable()

#endif
