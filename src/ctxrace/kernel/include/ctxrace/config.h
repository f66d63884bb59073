/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for a kernel's .config, as far as the headers hang on it. Each is 0 or 1; define it before the include, or
 * let ctxrace do that: --rcu, --preemption rt, --cpus.
 *
 * CTXRACE_PREEMPT_RCU  1: rcu_read_lock() leaves preemption on, 0: it turns it off (CONFIG_PREEMPT_RCU)
 * CTXRACE_PREEMPT_RT   1: softirqs are tasks, and local_lock() sleeps (CONFIG_PREEMPT_RT)
 * CTXRACE_SMP          1: there are other CPUs to migrate to (CONFIG_SMP)
 *
 * CTXRACE_RCU_GRACE_PERIODS  1: readers of RCU are counted, so that there is synchronize_rcu(). More states; one CPU only
 */
#ifndef CTXRACE_CONFIG_H
#define CTXRACE_CONFIG_H

#ifndef CTXRACE_PREEMPT_RT
# define CTXRACE_PREEMPT_RT 0
#endif
#ifndef CTXRACE_PREEMPT_RCU
# define CTXRACE_PREEMPT_RCU 1
#endif
#ifndef CTXRACE_SMP
# define CTXRACE_SMP 0
#endif
#ifndef CTXRACE_RCU_GRACE_PERIODS
# define CTXRACE_RCU_GRACE_PERIODS 0
#endif
#if CTXRACE_RCU_GRACE_PERIODS && CTXRACE_SMP
# error "CTXRACE_RCU_GRACE_PERIODS is for one CPU: readers of another CPU do not count"
#endif
#if CTXRACE_PREEMPT_RT && !CTXRACE_PREEMPT_RCU
# error "PREEMPT_RT has preemptible RCU only (kernel/rcu/Kconfig)"
#endif

#endif
