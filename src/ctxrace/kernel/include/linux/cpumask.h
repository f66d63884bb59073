/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/cpumask.h: every CPU of the scenario is possible, present and online from the
 * start, and stays so. The tool fills in nr_cpu_ids and how far each CPU's per-CPU variables are.
 */
#ifndef CTXRACE_LINUX_CPUMASK_H
#define CTXRACE_LINUX_CPUMASK_H

#include <ctxrace/percpu.h>
#include <linux/bitops.h>
#include <linux/compiler.h>
#include <linux/threads.h>

/* Weak, so that every object may bring them. */
__weak unsigned int nr_cpu_ids = 1;
#ifndef __riscv	/* which has its own, of one CPU (ctxrace/arch/riscv/percpu.h) */
__weak unsigned long __per_cpu_offset[NR_CPUS];
#endif

#define nr_cpumask_bits		nr_cpu_ids

typedef struct cpumask {
	unsigned long bits[1];
} cpumask_t;
typedef struct cpumask cpumask_var_t[1];

#define cpumask_bits(mask)	((mask)->bits)

static __always_inline bool cpu_possible(unsigned int cpu)
{
	return cpu < nr_cpu_ids;
}
#define cpu_present(cpu)	cpu_possible(cpu)
#define cpu_online(cpu)		cpu_possible(cpu)
#define cpu_active(cpu)		cpu_possible(cpu)
#define num_possible_cpus()	nr_cpu_ids
#define num_present_cpus()	nr_cpu_ids
#define num_online_cpus()	nr_cpu_ids

#define for_each_possible_cpu(cpu)	for ((cpu) = 0; (unsigned int)(cpu) < nr_cpu_ids; (cpu)++)
#define for_each_present_cpu(cpu)	for_each_possible_cpu(cpu)
#define for_each_online_cpu(cpu)	for_each_possible_cpu(cpu)
#define for_each_cpu(cpu, mask) \
	for_each_possible_cpu(cpu) if (!cpumask_test_cpu((unsigned int)(cpu), mask)) { } else

static __always_inline bool cpumask_test_cpu(unsigned int cpu, const struct cpumask *mask)
{
	return test_bit(cpu, mask->bits);
}

static __always_inline void cpumask_set_cpu(unsigned int cpu, struct cpumask *mask)
{
	set_bit(cpu, mask->bits);
}

static __always_inline void cpumask_clear_cpu(unsigned int cpu, struct cpumask *mask)
{
	clear_bit(cpu, mask->bits);
}

static __always_inline bool cpumask_test_and_set_cpu(unsigned int cpu, struct cpumask *mask)
{
	return test_and_set_bit(cpu, mask->bits);
}

static __always_inline bool cpumask_test_and_clear_cpu(unsigned int cpu, struct cpumask *mask)
{
	return test_and_clear_bit(cpu, mask->bits);
}

static __always_inline void cpumask_clear(struct cpumask *mask)
{
	mask->bits[0] = 0;
}

static __always_inline bool cpumask_empty(const struct cpumask *mask)
{
	return !READ_ONCE(mask->bits[0]);
}
#define __cpumask_set_cpu(cpu, mask)	__set_bit(cpu, (mask)->bits)
#define __cpumask_clear_cpu(cpu, mask)	__clear_bit(cpu, (mask)->bits)

#define cpus_read_lock()	do { } while (0)
#define cpus_read_unlock()	do { } while (0)

#endif
