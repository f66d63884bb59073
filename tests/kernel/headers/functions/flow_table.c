// SPDX-License-Identifier: Apache-2.0
/* A bucket of a hash table of flows: tasks insert, a softirq expires and brings back. */
#include <linux/list.h>
#include <linux/spinlock.h>

struct flow {
	struct hlist_node node;
	bool dead;
};
static HLIST_HEAD(bucket);
static DEFINE_SPINLOCK(bucket_lock);
static struct flow flows[2];

static void flow_toggle(struct flow *flow)
{
	if (hlist_unhashed(&flow->node)) {
		flow->dead = false;
		hlist_add_head(&flow->node, &bucket);
	} else {
		hlist_del_init(&flow->node);
		flow->dead = true;
	}
}

void flow_insert(void)
{
	struct flow *flow;

	spin_lock_bh(&bucket_lock);
	flow_toggle(&flows[1]);
	hlist_for_each_entry(flow, &bucket, node)
		WARN_ON(flow->dead);
	spin_unlock_bh(&bucket_lock);
}

void flow_expire(void)
{
	spin_lock(&bucket_lock);
	flow_toggle(&flows[0]);
	spin_unlock(&bucket_lock);
}

CTXRACE_TASKS(2, flow_insert);
CTXRACE_SOFTIRQ(flow_expire);
