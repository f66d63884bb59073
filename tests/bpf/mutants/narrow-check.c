// SPDX-License-Identifier: Apache-2.0
/* Wrong operand width: the check reads 16 bits, so that hardirq and NMI never see their own byte. */
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
	alone = get_unaligned_le16(active) == BIT(rctx * 8);
	preempt_enable();
	return alone;
}
