/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v6.19 include/linux/sched.h and include/linux/thread_info.h: a task with the few fields
 * that code under test reads. The thread_info comes first, as under CONFIG_THREAD_INFO_IN_TASK.
 */
#ifndef CTXRACE_SCHED_H
#define CTXRACE_SCHED_H

#include <ctxrace/arch.h>
#include <ctxrace/compiler.h>
#include <ctxrace/macros.h>
#include <ctxrace/types.h>

#ifdef CTXRACE_TASK_LAYOUT	/* that of objects which were compiled with other headers */
# include CTXRACE_TASK_LAYOUT
#else
#include CTXRACE_ARCH_HEADER(thread_info.h)

struct task_struct {
	struct thread_info	thread_info;
	int			pid;
	int			migration_disabled;
	void			*bpf_ctx;
	int			softirq_disable_cnt;
	unsigned long		trace_recursion;
	int			rcu_read_lock_nesting;	/* with CTXRACE_RCU_GRACE_PERIODS, and the next one too */
	unsigned int		ctxrace_rcu_index;
};

static_assert(offsetof(struct task_struct, thread_info) == 0);
static_assert(sizeof(struct task_struct) <= 128);
#endif

#include CTXRACE_ARCH_HEADER(current.h)

#define current			get_current()
#define current_thread_info()	((struct thread_info *)current)

/*
 * Where a task may give up the CPU. The tool notices the program counter at each of them: schedule() lets others run
 * under every preemption model, for as long as they like; cond_resched() where nothing else would, and might_sleep()
 * if preemption is voluntary. It also notices a context that must not sleep.
 */
#define CTXRACE_SLEEP(name, number)							\
static noinline __maybe_unused void name(void)						\
{											\
	__asm__ __volatile__("" : : "i" (number) : "memory"); /* not the same code twice */	\
}
CTXRACE_SLEEP(schedule, 1)
CTXRACE_SLEEP(cond_resched, 2)
CTXRACE_SLEEP(might_sleep, 3)
CTXRACE_SLEEP(schedule_rtlock, 4) /* schedule() of a task that waits for an RT lock, even with bottom halves off */
CTXRACE_SLEEP(rtlock_might_resched, 5) /* and might_sleep() of a task that takes one */

#define might_fault()		might_sleep()

#endif
