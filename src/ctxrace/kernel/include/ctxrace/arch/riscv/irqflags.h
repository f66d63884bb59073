/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v6.19 arch/riscv/include/asm/irqflags.h: interrupts are on while SIE is set in sstatus. An NMI in
 * ctxrace is not masked by it.
 */
#ifndef CTXRACE_RISCV_IRQFLAGS_H
#define CTXRACE_RISCV_IRQFLAGS_H

#include <ctxrace/compiler.h>
#include <ctxrace/types.h>

#define SR_SIE	0x2UL

static __always_inline void arch_local_irq_disable(void)
{
	__asm__ __volatile__("csrc	sstatus, %0" : : "rK" (SR_SIE) : "memory");
}

static __always_inline void arch_local_irq_enable(void)
{
	__asm__ __volatile__("csrs	sstatus, %0" : : "rK" (SR_SIE) : "memory");
}

static __always_inline unsigned long arch_local_save_flags(void)
{
	unsigned long flags;

	__asm__ __volatile__("csrr	%0, sstatus" : "=r" (flags) : : "memory");
	return flags;
}

static __always_inline unsigned long arch_local_irq_save(void)
{
	unsigned long flags;

	__asm__ __volatile__("csrrc	%0, sstatus, %1" : "=r" (flags) : "rK" (SR_SIE) : "memory");
	return flags;
}

static __always_inline void arch_local_irq_restore(unsigned long flags)
{
	__asm__ __volatile__("csrs	sstatus, %0" : : "rK" (flags & SR_SIE) : "memory");
}

static __always_inline bool arch_irqs_disabled_flags(unsigned long flags)
{
	return !(flags & SR_SIE);
}

#endif
