// SPDX-License-Identifier: Apache-2.0
/* The preempt count is left raised where enter refuses. */
#define OWN_ENTER
#include "bytes.h"

static __always_inline bool bpf_prog_get_recursion_context(struct bpf_prog *prog)
{
	u8 rctx = interrupt_context_level();
	u8 *active;

	preempt_disable();
	active = this_cpu_ptr(prog->active);
	active[rctx]++;
	barrier();
	if (get_unaligned_le32(active) != BIT(rctx * 8))
		return false;
	preempt_enable();
	return true;
}
