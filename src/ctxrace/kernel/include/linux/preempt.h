/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/preempt.h, beyond what ctxrace/preempt.h has.
 */
#ifndef CTXRACE_LINUX_PREEMPT_H
#define CTXRACE_LINUX_PREEMPT_H

#include <ctxrace/preempt.h>
#include <linux/cleanup.h>

#define PREEMPT_DISABLE_OFFSET	PREEMPT_OFFSET
#define in_atomic_preempt_off()	(preempt_count() != PREEMPT_DISABLE_OFFSET)
#define preempt_disable_nested() do { if (CTXRACE_PREEMPT_RT) preempt_disable(); } while (0)
#define preempt_enable_nested()	do { if (CTXRACE_PREEMPT_RT) preempt_enable(); } while (0)
#define preempt_check_resched()	do { } while (0)

DEFINE_LOCK_GUARD_0(preempt, preempt_disable(), preempt_enable())
DEFINE_LOCK_GUARD_0(preempt_notrace, preempt_disable_notrace(), preempt_enable_notrace())
DEFINE_LOCK_GUARD_0(migrate, migrate_disable(), migrate_enable())

#endif
