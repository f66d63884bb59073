// SPDX-License-Identifier: Apache-2.0
/*
 * Plain per-context bytes under preempt_disable(), as merged:
 * Linux v6.20 include/linux/bpf.h, "bpf: arm64: Optimize recursion detection by not using atomics".
 */
#define BPF_ACTIVE_TYPE		u8[BPF_NR_CONTEXTS]
#define BPF_ACTIVE_ALIGN	8
#include "../system/program.h"

static __always_inline bool bpf_prog_get_recursion_context(struct bpf_prog *prog)
{
	u8 rctx = interrupt_context_level();
	u8 *active;
	bool alone;

	preempt_disable();
	active = this_cpu_ptr(prog->active);
	active[rctx]++;
	barrier();
	alone = get_unaligned_le32(active) == BIT(rctx * 8);
	preempt_enable();
	return alone;
}

static __always_inline void bpf_prog_put_recursion_context(struct bpf_prog *prog)
{
	u8 rctx = interrupt_context_level();
	u8 *active;

	preempt_disable();
	active = this_cpu_ptr(prog->active);
	barrier();
	active[rctx]--;
	preempt_enable();
}

#include "../system/caller.h"
