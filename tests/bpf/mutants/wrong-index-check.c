// SPDX-License-Identifier: Apache-2.0
/* Wrong context index: the check is always against the task's byte. */
#define OWN_ENTER
#include "bytes.h"

static __always_inline bool bpf_prog_get_recursion_context(struct bpf_prog *prog)
{
	u8 rctx = interrupt_context_level();
	u8 *active;
	bool alone;

	preempt_disable();
	active = this_cpu_ptr(prog->active);
	active[rctx]++;
	barrier();
	alone = get_unaligned_le32(active) == BIT(0);
	preempt_enable();
	return alone;
}
