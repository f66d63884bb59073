// SPDX-License-Identifier: Apache-2.0
/*
 * The atomic counter, however the architecture makes it: on x86-64 one instruction relative to GS, without a lock.
 * Linux v6.18 include/linux/bpf.h, bpf_prog_get_recursion_context() and bpf_prog_put_recursion_context().
 */
#include <ctxrace/kernel.h>

DEFINE_PER_CPU(int, active);

static noinline void body(void)
{
	barrier();
}

static __outlinable bool get_recursion_context(void)
{
	return this_cpu_inc_return(active) == 1;
}

static __outlinable void put_recursion_context(void)
{
	this_cpu_dec(active);
}

void attempt(void)
{
	if (get_recursion_context())
		body();
	put_recursion_context();
}
CTXRACE_TASKS(2, attempt);
CTXRACE_SOFTIRQ(attempt);
CTXRACE_HARDIRQ(attempt);
CTXRACE_NMI(attempt);
CTXRACE_EXCLUSIVE(body);
CTXRACE_BALANCED(active);
CTXRACE_RECOVERS(attempt, body);
CTXRACE_PROGRESS(attempt, body);
