// SPDX-License-Identifier: Apache-2.0
/* Exit always takes off the task's byte. */
#define OWN_EXIT
#include "bytes.h"

static __always_inline void bpf_prog_put_recursion_context(struct bpf_prog *prog)
{
	u8 *active;

	preempt_disable();
	active = this_cpu_ptr(prog->active);
	barrier();
	active[0]--;
	preempt_enable();
}

CTXRACE_ATTEMPTS(1);
