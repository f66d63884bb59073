// SPDX-License-Identifier: Apache-2.0
/* The check reads the counter again instead of taking what the increment returned. */
#define OWN_ENTER
#include "counter.h"

static __always_inline bool bpf_prog_get_recursion_context(struct bpf_prog *prog)
{
	this_cpu_inc(*(int __percpu *)prog->active);
	return this_cpu_read(*(int __percpu *)prog->active) == 1;
}
