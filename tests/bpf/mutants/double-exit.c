// SPDX-License-Identifier: Apache-2.0
/* Enter takes its own increment back where it refuses, and exit is called all the same. */
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
	alone = get_unaligned_le32(active) == BIT(rctx * 8);
	if (!alone)
		active[rctx]--;
	preempt_enable();
	return alone;
}

CTXRACE_ATTEMPTS(1);
