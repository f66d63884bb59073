// SPDX-License-Identifier: Apache-2.0
/* Test-then-set gap: a context between the test and the increment tests the same 0. */
#define OWN_ENTER
#include "counter.h"

static __always_inline bool bpf_prog_get_recursion_context(struct bpf_prog *prog)
{
	bool alone = this_cpu_read(*(int __percpu *)prog->active) == 0;

	this_cpu_inc(*(int __percpu *)prog->active);
	return alone;
}
