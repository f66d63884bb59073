// SPDX-License-Identifier: Apache-2.0
/* Wrong context index: enter takes an NMI for a hardirq, exit does not. */
#define OWN_ENTER
#include "bytes.h"

static __always_inline bool bpf_prog_get_recursion_context(struct bpf_prog *prog)
{
	u8 rctx = min(interrupt_context_level(), 2);
	u8 *active;
	bool alone;

	preempt_disable();
	active = this_cpu_ptr(prog->active);
	active[rctx]++;
	barrier();
	alone = get_unaligned_le32(active) == BIT(rctx * 8);
	preempt_enable();
	return alone;
}

CTXRACE_ATTEMPTS(1);
