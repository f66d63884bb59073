// SPDX-License-Identifier: Apache-2.0
/*
 * Plain bytes as first proposed, with the program inlined between enter and exit: does the compiler move anything
 * across the decrement? NO_BARRIER leaves out the barrier() before it, BARRIER_AFTER adds one behind it.
 * Nothing preempts here, so that the guard itself is right, and only the order of the accesses is in question.
 */
#include <ctxrace/kernel.h>

#define BPF_NR_CONTEXTS	4

static DEFINE_PER_CPU(u8[BPF_NR_CONTEXTS], prog_active) __aligned(8);
static int inside;

static __always_inline bool bpf_prog_get_recursion_context(void)
{
	u8 rctx = interrupt_context_level();
	u8 *active = (u8 *)this_cpu_ptr(&prog_active);

	active[rctx]++;
	barrier();
	return get_unaligned_le32(active) == BIT(rctx * 8);
}

static __always_inline void bpf_prog_put_recursion_context(void)
{
	u8 rctx = interrupt_context_level();
	u8 *active = (u8 *)this_cpu_ptr(&prog_active);

#ifndef NO_BARRIER
	barrier();
#endif
	active[rctx]--;
#ifdef BARRIER_AFTER
	barrier();
#endif
}

/* The program finds out whether it is inside twice, and says so once it is outside. */
void attempt(void)
{
	bool twice = false;

	if (bpf_prog_get_recursion_context()) {
		twice = READ_ONCE(inside);
		WRITE_ONCE(inside, 1);
		WRITE_ONCE(inside, 0);
	}
	bpf_prog_put_recursion_context();
	ctxrace_check(!twice);
}

CTXRACE_PREEMPTION(none);
CTXRACE_TASKS(2, attempt);
CTXRACE_SOFTIRQ(attempt);
CTXRACE_HARDIRQ(attempt);
CTXRACE_NMI(attempt);
CTXRACE_BALANCED(prog_active);
