// SPDX-License-Identifier: Apache-2.0
/* Torn read-modify-write: preemption stays on in enter, so that a task loses the CPU inside active[rctx]++. */
#define OWN_ENTER
#include "bytes.h"

static __always_inline bool bpf_prog_get_recursion_context(struct bpf_prog *prog)
{
	u8 rctx = interrupt_context_level();
	u8 *active;
	bool alone;

	active = this_cpu_ptr(prog->active);
	active[rctx]++;
	barrier();
	alone = get_unaligned_le32(active) == BIT(rctx * 8);
	return alone;
}
