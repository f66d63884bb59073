// SPDX-License-Identifier: Apache-2.0
/* Wrong context index: levels counted from 1, so that an NMI has the byte behind the array. */
#define OWN_ENTER
#define OWN_EXIT
#include "bytes.h"

static __always_inline bool bpf_prog_get_recursion_context(struct bpf_prog *prog)
{
	u8 rctx = interrupt_context_level() + 1;
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

static __always_inline void bpf_prog_put_recursion_context(struct bpf_prog *prog)
{
	u8 rctx = interrupt_context_level() + 1;
	u8 *active;

	preempt_disable();
	active = this_cpu_ptr(prog->active);
	barrier();
	active[rctx]--;
	preempt_enable();
}
