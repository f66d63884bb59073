/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v7.2 include/linux/hardirq.h: which context this is. The tool does what irq_enter() and
 * nmi_enter() do, before an entry runs.
 */
#ifndef CTXRACE_LINUX_HARDIRQ_H
#define CTXRACE_LINUX_HARDIRQ_H

#include <linux/irqflags.h>
#include <linux/lockdep.h>
#include <linux/preempt.h>

void synchronize_irq(unsigned int irq);

#endif
