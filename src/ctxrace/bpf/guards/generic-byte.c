// SPDX-License-Identifier: Apache-2.0
/*
 * The atomic counter of one byte: what the first version of the patch made of it where there are no plain bytes, as it
 * allocates four bytes on all architectures and counts in the first: "bpf: arm64: Optimize recursion detection by not
 * using atomics", bpf_prog_get_recursion_context() and bpf_prog_put_recursion_context().
 *
 * With 256 attempts in flight on a CPU the byte is 0 again, and the next one is let in.
 */
#define BPF_ACTIVE_TYPE		u8[BPF_NR_CONTEXTS]
#define BPF_ACTIVE_ALIGN	8
#include "../system/program.h"

static __always_inline bool bpf_prog_get_recursion_context(struct bpf_prog *prog)
{
	return this_cpu_inc_return(*prog->active) == 1;
}

static __always_inline void bpf_prog_put_recursion_context(struct bpf_prog *prog)
{
	this_cpu_dec(*prog->active);
}

#include "../system/caller.h"
