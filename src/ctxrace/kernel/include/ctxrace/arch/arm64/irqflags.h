/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v6.19 arch/arm64/include/asm/irqflags.h without pseudo-NMI: interrupts are off while DAIF
 * masks IRQ and FIQ. An NMI in ctxrace is not masked by it.
 */
#ifndef CTXRACE_ARM64_IRQFLAGS_H
#define CTXRACE_ARM64_IRQFLAGS_H

#include <ctxrace/compiler.h>
#include <ctxrace/types.h>

#define PSR_F_BIT	0x40
#define PSR_I_BIT	0x80

static __always_inline void arch_local_irq_disable(void)
{
	__asm__ __volatile__("msr daifset, #3" : : : "memory");
}

static __always_inline void arch_local_irq_enable(void)
{
	__asm__ __volatile__("msr daifclr, #3" : : : "memory");
}

static __always_inline unsigned long arch_local_save_flags(void)
{
	unsigned long flags;

	__asm__ __volatile__("mrs %0, daif" : "=r" (flags) : : "memory");
	return flags;
}

static __always_inline unsigned long arch_local_irq_save(void)
{
	unsigned long flags = arch_local_save_flags();

	arch_local_irq_disable();
	return flags;
}

static __always_inline void arch_local_irq_restore(unsigned long flags)
{
	__asm__ __volatile__("msr daif, %0" : : "r" (flags) : "memory");
}

static __always_inline bool arch_irqs_disabled_flags(unsigned long flags)
{
	return (flags & PSR_I_BIT) != 0;
}

#endif
