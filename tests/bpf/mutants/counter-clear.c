// SPDX-License-Identifier: Apache-2.0
/* Exit clears the counter instead of taking one off. */
#define OWN_EXIT
#include "counter.h"

static __always_inline void bpf_prog_put_recursion_context(struct bpf_prog *prog)
{
	this_cpu_write(*(int __percpu *)prog->active, 0);
}
