// SPDX-License-Identifier: Apache-2.0
/* Wrong operand width: exit takes one off the 16 bits that begin with its byte, which was not 0. */
#define OWN_EXIT
#include "../bytes.h"

static __always_inline void bpf_prog_put_recursion_context(struct bpf_prog *prog)
{
	u8 rctx = interrupt_context_level();
	u8 *active;

	preempt_disable();
	active = this_cpu_ptr(prog->active);
	barrier();
	put_unaligned_le16(get_unaligned_le16(active + rctx) - 1, active + rctx);
	preempt_enable();
}
