// SPDX-License-Identifier: Apache-2.0
/* Wrong context index, but the same one in increment, check and decrement: everybody is a task. */
#define OWN_ENTER
#define OWN_EXIT
#include "../bytes.h"

static __always_inline bool bpf_prog_get_recursion_context(struct bpf_prog *prog)
{
	u8 rctx = 0;
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
	u8 rctx = 0;
	u8 *active;

	preempt_disable();
	active = this_cpu_ptr(prog->active);
	barrier();
	active[rctx]--;
	preempt_enable();
}
