/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who calls the guard, and what must hold: as system/bare.h. An NMI alone interrupts the tasks, which is enough to tell
 * the mutants apart. With CTXRACE_SMP there are two CPUs, and no interrupt.
 */
DEFINE_BPF_PROG(prog, stats, active);

void attempt(void);
static noinline void body(void);

#ifndef OWN_BODY
static noinline void body(void)
{
	barrier();
}
#endif

#ifndef OWN_ATTEMPT
# if CTXRACE_SMP
#  include "attempt-smp.h"
# else
void attempt(void)
{
	migrate_disable();
	if (bpf_prog_get_recursion_context((struct bpf_prog *)&prog))
		body();
	bpf_prog_put_recursion_context((struct bpf_prog *)&prog);
	migrate_enable();
}
# endif
#endif

#if CTXRACE_SMP
CTXRACE_CPUS(2);
#else
CTXRACE_NMI(attempt);
#endif
CTXRACE_TASKS(2, attempt);
CTXRACE_EXCLUSIVE(body);
CTXRACE_BALANCED(active);
CTXRACE_RECOVERS(attempt, body);
CTXRACE_PROGRESS(attempt, body);
