/* SPDX-License-Identifier: Apache-2.0 */
/*
 * With -DBPF_LEDGER each attempt to run the program adds one. The code that answers for it takes one off: the
 * program that runs, or recursion_detected() of one that is refused. It is balanced as long as no attempt is lost.
 * recursion_detected() is what prog->aux->recursion_detected points to (Linux v6.20 kernel/bpf/trampoline.c).
 */
#ifndef CTXRACE_BPF_LEDGER_H
#define CTXRACE_BPF_LEDGER_H

#include "program.h"

#ifdef BPF_LEDGER
DEFINE_PER_CPU(int, ledger);
# define ledger_owes()		this_cpu_inc(ledger)
# define ledger_settles()	this_cpu_dec(ledger)
#else
# define ledger_owes()		do { } while (0)
# define ledger_settles()	do { } while (0)
#endif

static __always_inline void recursion_detected(struct bpf_prog *prog)
{
	(void)prog;
	ledger_settles();
}

#endif
