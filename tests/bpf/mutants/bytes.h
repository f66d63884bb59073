/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The original of most mutants: guards/arm64-merged.c with its caller, by itself (system/bare.h). A mutant defines
 * OWN_ENTER, OWN_EXIT, OWN_BODY or OWN_ATTEMPT, includes this, and writes that one function anew.
 */
#define BPF_ACTIVE_TYPE		u8[BPF_NR_CONTEXTS]
#define BPF_ACTIVE_ALIGN	8
#include "../../../src/ctxrace/bpf/system/program.h"

static __always_inline bool bpf_prog_get_recursion_context(struct bpf_prog *prog);
static __always_inline void bpf_prog_put_recursion_context(struct bpf_prog *prog);

#ifndef OWN_ENTER
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
#endif

#ifndef OWN_EXIT
static __always_inline void bpf_prog_put_recursion_context(struct bpf_prog *prog)
{
	u8 rctx = interrupt_context_level();
	u8 *active = this_cpu_ptr(prog->active);

	preempt_disable();
	active[rctx]--;
	preempt_enable();
}
#endif

#include "attempt.h"
