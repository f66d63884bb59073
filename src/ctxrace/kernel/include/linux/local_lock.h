/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/local_lock.h; ctxrace/local_lock.h has the locks.
 */
#ifndef CTXRACE_LINUX_LOCAL_LOCK_H
#define CTXRACE_LINUX_LOCAL_LOCK_H

#include <ctxrace/local_lock.h>
#include <linux/cleanup.h>
#include <linux/lockdep.h>
#include <linux/percpu.h>

DEFINE_LOCK_GUARD_1(local_lock, local_lock_t __percpu, local_lock(_T->lock), local_unlock(_T->lock))
DEFINE_LOCK_GUARD_1(local_lock_irq, local_lock_t __percpu, local_lock_irq(_T->lock), local_unlock_irq(_T->lock))
DEFINE_LOCK_GUARD_1(local_lock_irqsave, local_lock_t __percpu, local_lock_irqsave(_T->lock, _T->flags),
		    local_unlock_irqrestore(_T->lock, _T->flags), unsigned long flags)
DEFINE_LOCK_GUARD_1(local_lock_nested_bh, local_lock_t __percpu, local_lock_nested_bh(_T->lock),
		    local_unlock_nested_bh(_T->lock))

#endif
