// SPDX-License-Identifier: Apache-2.0
/* Per-CPU statistics of a network device: how many bytes are queued, added and taken off by senders and by a softirq. */
#include <linux/percpu.h>
#include <linux/u64_stats_sync.h>

struct tx_stats {
	u64_stats_t queued;
	struct u64_stats_sync syncp;
};
static DEFINE_PER_CPU(struct tx_stats, tx_stats);

static void tx_account(s64 bytes)
{
	struct tx_stats *stats = this_cpu_ptr(&tx_stats);

	u64_stats_update_begin(&stats->syncp);
	u64_stats_add(&stats->queued, bytes);
	u64_stats_update_end(&stats->syncp);
}

void xmit(void)
{
	tx_account(2);
	tx_account(-2);
}

CTXRACE_TASKS(2, xmit);
CTXRACE_SOFTIRQ(xmit);
CTXRACE_BALANCED(tx_stats);
