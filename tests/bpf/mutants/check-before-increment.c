// SPDX-License-Identifier: Apache-2.0
/* The check is made before the increment, and before preemption is off. */
#define OWN_ENTER
#include "bytes.h"

static __always_inline bool bpf_prog_get_recursion_context(struct bpf_prog *prog)
{
	u8 rctx = interrupt_context_level();
	u8 *active;
	bool alone;

	active = this_cpu_ptr(prog->active);
	alone = get_unaligned_le32(active) == 0;
	preempt_disable();
	active[rctx]++;
	barrier();
	preempt_enable();
	return alone;
}
