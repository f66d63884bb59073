/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a task does to itself, as objects call it, where neither the objects nor a harness define it. The members of
 * task_struct are where the objects have them.
 */
#include "model.h"
#include <ctxrace/bottom_half.h>
#include <ctxrace/bug.h>
#include <ctxrace/percpu.h>
#include <ctxrace/preempt.h>
#include <ctxrace/sched.h>
#include <linux/string.h>

/* Linux v7.2 kernel/softirq.c: `count` is SOFTIRQ_DISABLE_OFFSET, or SOFTIRQ_LOCK_OFFSET. */
MODEL(void, __local_bh_disable_ip, (unsigned long ip, unsigned int count))
{
	(void)ip;
#if CTXRACE_PREEMPT_RT
	(void)count;
	local_bh_disable();
#else
	preempt_count_add(count);
	barrier();
#endif
}
MODEL(void, __local_bh_enable_ip, (unsigned long ip, unsigned int count))
{
	(void)ip;
	barrier();
#if CTXRACE_PREEMPT_RT
	(void)count;
	local_bh_enable();
#else
	preempt_count_sub(count);
#endif
}

/* kernel/sched/core.c, with tracing or debugging of the preempt count. */
MODEL(void, preempt_count_add, (int value)) { __preempt_count_add(value); }
MODEL(void, preempt_count_sub, (int value)) { __preempt_count_sub(value); }

/* kernel/rcu/tree_plugin.h, CONFIG_PREEMPT_RCU: a reader's section counts how deep it is; its end wakes nobody. */
#ifdef CTXRACE_RCU_NESTING
MODEL(void, __rcu_read_lock, (void))
{
	CTXRACE_RCU_NESTING(current)++;
	barrier();
}
MODEL(void, __rcu_read_unlock, (void))
{
	barrier();
	CTXRACE_RCU_NESTING(current)--;
}
#endif

/* kernel/sched/core.c. The run queue's nr_pinned, which is counted too, decides nothing here. */
#ifdef CTXRACE_MIGRATION_DISABLED
MODEL(void, migrate_disable, (void))
{
	CTXRACE_MIGRATION_DISABLED(current)++;
	barrier();
}
MODEL(void, migrate_enable, (void))
{
	barrier();
	CTXRACE_MIGRATION_DISABLED(current)--;
}
/* v7.2 include/linux/sched.h: what inline code calls when the last of them ends and the affinity changed meanwhile. */
MODEL(void, ___migrate_enable, (void)) { }
#endif

/*
 * kernel/sched/core.c: a task loses the CPU wherever the preemption model allows it, so that these need do nothing.
 * need_resched() is not set.
 */
MODEL(void, preempt_schedule, (void)) { }
MODEL(void, preempt_schedule_notrace, (void)) { }
MODEL(void, preempt_schedule_irq, (void)) { }
MODEL(int, __cond_resched, (void)) { return 0; }
MODEL(void, schedule, (void)) { barrier(); }
MODEL(void, __might_resched, (const char *file, int line, unsigned int offsets))
{
	(void)file, (void)line, (void)offsets;
	might_sleep();
}
MODEL(void, __might_sleep, (const char *file, int line))
{
	(void)file, (void)line;
	might_sleep();
}

/* include/linux/sched.h: of the run queue, inline functions touch nr_pinned alone (RQ_nr_pinned). */
__weak DEFINE_PER_CPU(char, runqueues[8192]);

/* mm/percpu.c, kernel/cpu.c: the CPUs' numbers and areas, which the tool puts in. */
__weak DEFINE_PER_CPU(int, cpu_number);
__weak unsigned long __per_cpu_offset[64];
__weak unsigned int nr_cpu_ids;

/* kernel/printk/printk.c, kernel/panic.c: nothing is printed; a warning is a check that failed. */
MODEL(int, _printk, (const char *format, ...))
{
	(void)format;
	return 0;
}
MODEL(void, __warn_printk, (const char *format, ...)) { (void)format; }
MODEL(void, refcount_warn_saturate, (void *count, int kind))
{
	(void)count, (void)kind;
	ctxrace_check_failed("a refcount_t saturated or was used after it reached 0");
}

/* lib/list_debug.c: whether the neighbours of an entry are its neighbours. */
struct ctxrace_list {
	struct ctxrace_list *next, *prev;
};
MODEL(bool, __list_add_valid_or_report, (struct ctxrace_list *node, struct ctxrace_list *prev, struct ctxrace_list *next))
{
	return prev && next && next->prev == prev && prev->next == next && node != prev && node != next;
}
MODEL(bool, __list_del_entry_valid_or_report, (struct ctxrace_list *node))
{
	return node->prev && node->next && node->prev->next == node && node->next->prev == node;
}

/* kernel/panic.c: a function has overwritten what lies above its frame. */
MODEL(void, __stack_chk_fail, (void)) { __builtin_trap(); }
