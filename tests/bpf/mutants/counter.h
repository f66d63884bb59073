/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The original of the mutants of the counter: guards/generic-lse.c with its caller, by itself. A mutant defines
 * OWN_ENTER, OWN_EXIT, OWN_BODY or OWN_ATTEMPT, includes this, and writes that one function anew.
 */
#define BPF_ACTIVE_TYPE		int
#define BPF_ACTIVE_ALIGN	4
#include "../../../src/ctxrace/bpf/system/program.h"

static __always_inline bool bpf_prog_get_recursion_context(struct bpf_prog *prog);
static __always_inline void bpf_prog_put_recursion_context(struct bpf_prog *prog);

#ifndef OWN_ENTER
static __always_inline bool bpf_prog_get_recursion_context(struct bpf_prog *prog)
{
	return this_cpu_inc_return(*(int __percpu *)prog->active) == 1;
}
#endif

#ifndef OWN_EXIT
static __always_inline void bpf_prog_put_recursion_context(struct bpf_prog *prog)
{
	this_cpu_dec(*(int __percpu *)prog->active);
}
#endif

#include "attempt.h"
