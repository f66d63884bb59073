/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A function that one or two programs are attached to. Every context calls traced(), whose first instructions are
 * patched to call the trampoline; both are machine code, in ../trampolines/. A program that sleeps may only be
 * attached to what may sleep (Linux v6.20 kernel/bpf/verifier.c, check_attach_btf_id()), so no interrupt reaches it.
 */
#include "trampoline.h"

u64 traced(u64 argument);	/* ../trampolines/ */

static __always_inline u64 attempt_to_run(void)
{
	ledger_owes();
	return traced(0);
}

/* What the function does itself. */
noinline u64 traced_body(u64 argument)
{
	barrier();
	return argument;
}

/* The JITed program: r0 is what it returns, which matters to fmod_ret alone. */
#define BPF_PROGRAM(name)			\
noinline u64 name(u64 *ctx)			\
{						\
	barrier_data(ctx);			\
	ledger_settles();			\
	BPF_PROGRAM_HELPER();			\
	return BPF_RETURN;			\
}

#if defined(BPF_SLEEPABLE)
# define BPF_PROGRAM_HELPER()	schedule()
#elif defined(BPF_RECURSIVE)
# define BPF_PROGRAM_HELPER()	attempt_to_run()
#else
# define BPF_PROGRAM_HELPER()	barrier()
#endif

DEFINE_BPF_PROG(prog, stats, active);
BPF_PROGRAM(body)
#if BPF_TRAMPOLINE > 1
DEFINE_BPF_PROG(prog2, stats2, active2);
BPF_PROGRAM(body2)
#endif

void attempt(void)
{
	attempt_to_run();
}

#include "scenario.h"
