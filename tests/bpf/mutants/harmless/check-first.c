// SPDX-License-Identifier: Apache-2.0
/* The check comes before the increment, both with preemption off: who nests is gone again. */
#define OWN_ENTER
#include "../bytes.h"

static __always_inline bool bpf_prog_get_recursion_context(struct bpf_prog *prog)
{
	u8 rctx = interrupt_context_level();
	u8 *active;
	bool alone;

	preempt_disable();
	active = this_cpu_ptr(prog->active);
	alone = get_unaligned_le32(active) == 0;
	barrier();
	active[rctx]++;
	preempt_enable();
	return alone;
}
