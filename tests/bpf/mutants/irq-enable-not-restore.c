// SPDX-License-Identifier: Apache-2.0
/* Interrupts are off instead of preemption, and on again whether or not they were. */
#define OWN_ENTER
#include "bytes.h"

static __always_inline bool bpf_prog_get_recursion_context(struct bpf_prog *prog)
{
	u8 rctx = interrupt_context_level();
	u8 *active;
	bool alone;

	local_irq_disable();
	active = this_cpu_ptr(prog->active);
	active[rctx]++;
	barrier();
	alone = get_unaligned_le32(active) == BIT(rctx * 8);
	local_irq_enable();
	return alone;
}
