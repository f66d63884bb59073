/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything that the C code of a scenario may use of Linux, in one include: the kernel's names with the
 * kernel's meanings, compiled to the instructions that the kernel itself would run. Each header below says
 * which kernel file (Linux v6.19) it stands for and what differs. Memory is not allocated, and of locks there is
 * local_lock(). Code from kernel files compiles with its own includes, <linux/spinlock.h> and the like, which have more.
 *
 * CTXRACE_LSE          1: arm64's single-instruction atomics, 0: exclusive loads and stores (see arch/arm64/atomic.h)
 * CTXRACE_PREEMPT_RCU, CTXRACE_PREEMPT_RT, CTXRACE_SMP: the kernel's configuration, see config.h
 * CTXRACE_PERCPU_ATOMIC, CTXRACE_LRSC  riscv64's ways of this_cpu_*() (see arch/riscv/percpu.h and atomic.h)
 */
#ifndef CTXRACE_KERNEL_H
#define CTXRACE_KERNEL_H

#include <ctxrace/compiler.h>
#include <ctxrace/types.h>
#include <ctxrace/macros.h>
#include <ctxrace/byteorder.h>
#include <ctxrace/unaligned.h>
#include <ctxrace/scenario.h>
#include <ctxrace/bug.h>
#include <ctxrace/barrier.h>
#include <ctxrace/irqflags.h>
#include <ctxrace/sched.h>
#include <ctxrace/preempt.h>
#include <ctxrace/bottom_half.h>
#include <ctxrace/percpu.h>
#include <ctxrace/smp.h>
#include <ctxrace/local_lock.h>
#include <ctxrace/atomic.h>
#include <ctxrace/bitops.h>
#include <ctxrace/rcupdate.h>

#endif
