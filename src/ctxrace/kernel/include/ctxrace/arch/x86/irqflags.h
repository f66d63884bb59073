/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for Linux v6.19 arch/x86/include/asm/irqflags.h without paravirtualisation: interrupts are on while the
 * flag IF is set. As there, interrupts are restored by a jump and sti, which is faster than popf.
 */
#ifndef CTXRACE_X86_IRQFLAGS_H
#define CTXRACE_X86_IRQFLAGS_H

#include <ctxrace/compiler.h>
#include <ctxrace/types.h>

#define X86_EFLAGS_IF	0x200UL

static __always_inline void arch_local_irq_disable(void)
{
	__asm__ __volatile__("cli" : : : "memory");
}

static __always_inline void arch_local_irq_enable(void)
{
	__asm__ __volatile__("sti" : : : "memory");
}

static __always_inline unsigned long arch_local_save_flags(void)
{
	unsigned long flags;

	__asm__ __volatile__("pushfq\n\tpopq	%0" : "=r" (flags) : : "memory");
	return flags;
}

static __always_inline unsigned long arch_local_irq_save(void)
{
	unsigned long flags = arch_local_save_flags();

	arch_local_irq_disable();
	return flags;
}

static __always_inline bool arch_irqs_disabled_flags(unsigned long flags)
{
	return !(flags & X86_EFLAGS_IF);
}

static __always_inline void arch_local_irq_restore(unsigned long flags)
{
	if (!arch_irqs_disabled_flags(flags))
		arch_local_irq_enable();
}

#endif
