// SPDX-License-Identifier: Apache-2.0
/*
 * Per-context bytes of which each only looks at itself, and a caller that leaves without the decrement when it is
 * not the first: the shape of old recursion counters (perf, ftrace) with a bug that is easy to write.
 */
#define BPF_ACTIVE_TYPE		u8[BPF_NR_CONTEXTS]
#define BPF_ACTIVE_ALIGN	8
#ifndef BPF_SKIP_EXIT
# define BPF_SKIP_EXIT
#endif
#include "../system/program.h"

static __always_inline bool bpf_prog_get_recursion_context(struct bpf_prog *prog)
{
	u8 rctx = interrupt_context_level();
	u8 *active = this_cpu_ptr(prog->active);
	bool first = ++active[rctx] == 1;

	barrier();
	return first;
}

static __always_inline void bpf_prog_put_recursion_context(struct bpf_prog *prog)
{
	u8 rctx = interrupt_context_level();
	u8 *active = this_cpu_ptr(prog->active);

	barrier();
	active[rctx]--;
}

#include "../system/caller.h"
