/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v6.19 include/linux/sched.h and include/linux/thread_info.h: a task with the few fields
 * that code under test reads. The thread_info comes first, as under CONFIG_THREAD_INFO_IN_TASK.
 */
#ifndef CTXRACE_SCHED_H
#define CTXRACE_SCHED_H

#include <ctxrace/arch.h>
#include <ctxrace/macros.h>
#include <ctxrace/types.h>
#include CTXRACE_ARCH_HEADER(thread_info.h)

struct task_struct {
	struct thread_info	thread_info;
	int			pid;
	int			migration_disabled;
	void			*bpf_ctx;
};

static_assert(offsetof(struct task_struct, thread_info) == 0);
static_assert(sizeof(struct task_struct) <= 128);

#include CTXRACE_ARCH_HEADER(current.h)

#define current			get_current()
#define current_thread_info()	((struct thread_info *)current)

#endif
