// SPDX-License-Identifier: Apache-2.0
/* Interrupts are off instead of preemption, and back as they were: no task is switched in then, either. */
#define OWN_ENTER
#define OWN_EXIT
#include "../bytes.h"

static __always_inline bool bpf_prog_get_recursion_context(struct bpf_prog *prog)
{
	u8 rctx = interrupt_context_level();
	unsigned long flags;
	u8 *active;
	bool alone;

	local_irq_save(flags);
	active = this_cpu_ptr(prog->active);
	active[rctx]++;
	barrier();
	alone = get_unaligned_le32(active) == BIT(rctx * 8);
	local_irq_restore(flags);
	return alone;
}

static __always_inline void bpf_prog_put_recursion_context(struct bpf_prog *prog)
{
	u8 rctx = interrupt_context_level();
	unsigned long flags;
	u8 *active;

	local_irq_save(flags);
	active = this_cpu_ptr(prog->active);
	barrier();
	active[rctx]--;
	local_irq_restore(flags);
}
