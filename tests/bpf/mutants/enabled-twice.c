// SPDX-License-Identifier: Apache-2.0
/* Exit calls preempt_enable() twice, as if enter had left preemption off. */
#define OWN_EXIT
#include "bytes.h"

static __always_inline void bpf_prog_put_recursion_context(struct bpf_prog *prog)
{
	u8 rctx = interrupt_context_level();
	u8 *active;

	preempt_disable();
	active = this_cpu_ptr(prog->active);
	barrier();
	active[rctx]--;
	preempt_enable();
	preempt_enable();
}
