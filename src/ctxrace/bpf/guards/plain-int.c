// SPDX-License-Identifier: Apache-2.0
/*
 * An int counter with a plain read-modify-write. Nesting puts the value back; a second task does not.
 */
#define BPF_ACTIVE_TYPE		int
#define BPF_ACTIVE_ALIGN	4
#include "../system/program.h"

static __always_inline bool bpf_prog_get_recursion_context(struct bpf_prog *prog)
{
	return __this_cpu_inc_return(*(int __percpu *)prog->active) == 1;
}

static __always_inline void bpf_prog_put_recursion_context(struct bpf_prog *prog)
{
	__this_cpu_dec(*(int __percpu *)prog->active);
}

#include "../system/caller.h"
