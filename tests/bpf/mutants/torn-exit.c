// SPDX-License-Identifier: Apache-2.0
/* Torn read-modify-write: preemption stays on in exit, so that a task loses the CPU inside active[rctx]--. */
#define OWN_EXIT
#include "bytes.h"

static __always_inline void bpf_prog_put_recursion_context(struct bpf_prog *prog)
{
	u8 rctx = interrupt_context_level();
	u8 *active;

	active = this_cpu_ptr(prog->active);
	barrier();
	active[rctx]--;
}
