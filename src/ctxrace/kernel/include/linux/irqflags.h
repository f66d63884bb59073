/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/irqflags.h, beyond what ctxrace/irqflags.h has.
 */
#ifndef CTXRACE_LINUX_IRQFLAGS_H
#define CTXRACE_LINUX_IRQFLAGS_H

#include <ctxrace/irqflags.h>
#include <linux/cleanup.h>

DEFINE_LOCK_GUARD_0(irq, local_irq_disable(), local_irq_enable())
DEFINE_LOCK_GUARD_0(irqsave, local_irq_save(_T->flags), local_irq_restore(_T->flags), unsigned long flags)

#endif
