/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v6.19 include/linux/irqflags.h, without tracing and lockdep: the macros that store into
 * their argument, over the architecture's arch_local_*().
 */
#ifndef CTXRACE_IRQFLAGS_H
#define CTXRACE_IRQFLAGS_H

#include <ctxrace/arch.h>
#include <ctxrace/compiler.h>
#include <ctxrace/types.h>
#include CTXRACE_ARCH_HEADER(irqflags.h)

#define local_irq_disable()		arch_local_irq_disable()
#define local_irq_enable()		arch_local_irq_enable()
#define local_save_flags(flags)		do { (flags) = arch_local_save_flags(); } while (0)
#define local_irq_save(flags)		do { (flags) = arch_local_irq_save(); } while (0)
#define local_irq_restore(flags)	arch_local_irq_restore(flags)
#define irqs_disabled_flags(flags)	arch_irqs_disabled_flags(flags)
#define irqs_disabled()			arch_irqs_disabled_flags(arch_local_save_flags())

#define raw_local_irq_disable()		local_irq_disable()
#define raw_local_irq_enable()		local_irq_enable()
#define raw_local_irq_save(flags)	local_irq_save(flags)
#define raw_local_irq_restore(flags)	local_irq_restore(flags)

#endif
