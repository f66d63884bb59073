// SPDX-License-Identifier: Apache-2.0
/*
 * The guard as merged, called by a trampoline that skips exit when enter has failed: what the review bot
 * believed of the real ones. The byte is never given back.
 */
#include <ctxrace/kernel.h>

DEFINE_PER_CPU_ALIGNED(u8[4], active);

static noinline void body(void)
{
	barrier();
}

static __outlinable bool get_recursion_context(void)
{
	u8 rctx = interrupt_context_level();
	u8 *mine;
	bool alone;

	preempt_disable();
	mine = this_cpu_ptr(&active[0]);
	mine[rctx]++;
	barrier();
	alone = get_unaligned_le32(mine) == BIT(rctx * 8);
	preempt_enable();
	return alone;
}

static __outlinable void put_recursion_context(void)
{
	u8 rctx = interrupt_context_level();
	u8 *mine;

	preempt_disable();
	mine = this_cpu_ptr(&active[0]);
	barrier();
	mine[rctx]--;
	preempt_enable();
}
void attempt(void)
{
	if (!get_recursion_context())
		return;
	body();
	put_recursion_context();
}
CTXRACE_ATTEMPTS(1);
CTXRACE_TASKS(2, attempt);
CTXRACE_SOFTIRQ(attempt);
CTXRACE_HARDIRQ(attempt);
CTXRACE_NMI(attempt);
CTXRACE_EXCLUSIVE(body);
CTXRACE_BALANCED(active);
CTXRACE_RECOVERS(attempt, body);
CTXRACE_PROGRESS(attempt, body);
