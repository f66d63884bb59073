// SPDX-License-Identifier: Apache-2.0
/* Torn read-modify-write: __this_cpu_inc_return() is a load, an addition and a store on arm64. */
#define OWN_ENTER
#include "counter.h"

static __always_inline bool bpf_prog_get_recursion_context(struct bpf_prog *prog)
{
	return __this_cpu_inc_return(*(int __percpu *)prog->active) == 1;
}
