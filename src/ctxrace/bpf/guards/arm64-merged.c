// SPDX-License-Identifier: Apache-2.0
/*
 * Plain per-context bytes under preempt_disable(), as merged: Linux v6.20 include/linux/bpf.h, "bpf: arm64: Optimize
 * recursion detection by not using atomics" (bpf-next v3, 2025-12-19). The pointer is taken before preemption is off:
 * the caller keeps the task on its CPU.
 */
#define BPF_ACTIVE_TYPE		u8[BPF_NR_CONTEXTS]
#define BPF_ACTIVE_ALIGN	8
#include "../system/program.h"

static __always_inline bool bpf_prog_get_recursion_context(struct bpf_prog *prog)
{
	u8 rctx = interrupt_context_level();
	u8 *active = this_cpu_ptr(prog->active);
	u32 all;

	preempt_disable();
	active[rctx]++;
	all = le32_to_cpu(*(u32 *)active);
	preempt_enable();
	return all == BIT(rctx * 8);
}

static __always_inline void bpf_prog_put_recursion_context(struct bpf_prog *prog)
{
	u8 rctx = interrupt_context_level();
	u8 *active = this_cpu_ptr(prog->active);

	preempt_disable();
	active[rctx]--;
	preempt_enable();
}

#include "../system/caller.h"
