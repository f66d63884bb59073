// SPDX-License-Identifier: Apache-2.0
/* Wrong operand width: the decrement is a byte wide, and of the highest byte of the int. */
#define OWN_EXIT
#include "counter.h"

static __always_inline void bpf_prog_put_recursion_context(struct bpf_prog *prog)
{
	this_cpu_dec(*((u8 __percpu *)prog->active + 3));
}

CTXRACE_ATTEMPTS(1);
