// SPDX-License-Identifier: Apache-2.0
/*
 * Per-context bytes of which each only looks at itself, and leaves without the decrement when it is not the
 * first: the shape of old recursion counters (perf, ftrace) with a bug that is easy to write.
 */
#include <ctxrace/kernel.h>

DEFINE_PER_CPU_ALIGNED(u8[4], active);

static noinline void body(void)
{
	barrier();
}

static __outlinable bool get_recursion_context(u8 *mine, u8 rctx)
{
	return ++mine[rctx] == 1;
}

void attempt(void)
{
	u8 rctx = interrupt_context_level();
	u8 *mine = this_cpu_ptr(&active[0]);

	if (!get_recursion_context(mine, rctx))
		return;
	barrier();
	body();
	barrier();
	mine[rctx]--;
}
CTXRACE_TASKS(2, attempt);
CTXRACE_SOFTIRQ(attempt);
CTXRACE_HARDIRQ(attempt);
CTXRACE_NMI(attempt);
CTXRACE_EXCLUSIVE(body);
CTXRACE_BALANCED(active);
CTXRACE_RECOVERS(attempt, body);
CTXRACE_PROGRESS(attempt, body);
