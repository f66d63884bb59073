// SPDX-License-Identifier: Apache-2.0
/*
 * Plain per-context bytes, as first proposed: "bpf: arm64: Optimize recursion detection by not using atomics",
 * bpf-next, 2025-12-17. Each context level has its own byte; entering is allowed if no other byte is set.
 */
#define BPF_ACTIVE_TYPE		u8[BPF_NR_CONTEXTS]
#define BPF_ACTIVE_ALIGN	8
#include "../system/program.h"

static __always_inline bool bpf_prog_get_recursion_context(struct bpf_prog *prog)
{
	u8 rctx = interrupt_context_level();
	u8 *active = this_cpu_ptr(prog->active);

	active[rctx]++;
	barrier();
	return get_unaligned_le32(active) == BIT(rctx * 8);
}

static __always_inline void bpf_prog_put_recursion_context(struct bpf_prog *prog)
{
	u8 rctx = interrupt_context_level();
	u8 *active = this_cpu_ptr(prog->active);

	barrier();
	active[rctx]--;
}

#include "../system/caller.h"
