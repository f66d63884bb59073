// SPDX-License-Identifier: Apache-2.0
/*
 * The atomic counter, as load-exclusive and store-exclusive: a context in between makes the store fail.
 * Linux v6.18 include/linux/bpf.h, on a CPU without LSE.
 */
#define CTXRACE_LSE 0
#define BPF_ACTIVE_TYPE		int
#define BPF_ACTIVE_ALIGN	4
#include "../system/program.h"

static __always_inline bool bpf_prog_get_recursion_context(struct bpf_prog *prog)
{
	return this_cpu_inc_return(*(int __percpu *)prog->active) == 1;
}

static __always_inline void bpf_prog_put_recursion_context(struct bpf_prog *prog)
{
	this_cpu_dec(*(int __percpu *)prog->active);
}

#include "../system/caller.h"
