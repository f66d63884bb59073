// SPDX-License-Identifier: Apache-2.0
/* Wrong operand width: exit writes all four bytes, its own and those of whom it interrupts. */
#define OWN_EXIT
#include "bytes.h"

static __always_inline void bpf_prog_put_recursion_context(struct bpf_prog *prog)
{
	u8 *active;

	preempt_disable();
	active = this_cpu_ptr(prog->active);
	barrier();
	put_unaligned_le32(0, active);
	preempt_enable();
}

CTXRACE_ATTEMPTS(1);
