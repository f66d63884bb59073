/* Counters that two programs count up. */
#include "program.h"

struct entry { __u64 plain; __u64 atomic; __u64 locked; __u64 guarded; int lock; };
struct bpf_spin_lock { __u32 val; };
struct locked { struct bpf_spin_lock lock; __u64 count; };

struct { __uint(type, PERCPU_ARRAY); __type(key, __u32); __type(value, struct entry); __uint(max_entries, 1); }
counters SEC(".maps");
struct { __uint(type, ARRAY); __type(key, __u32); __type(value, struct locked); __uint(max_entries, 1); }
under_lock SEC(".maps");

static __always_inline int count(void)
{
	__u32 zero = 0;
	struct entry *entry = bpf_map_lookup_elem(&counters, &zero);
	struct locked *locked = bpf_map_lookup_elem(&under_lock, &zero);

	if (!entry || !locked)
		return 0;
#ifdef PLAIN
	entry->plain++;
#endif
#ifdef ATOMIC
	__sync_fetch_and_add(&entry->atomic, 1);
#endif
#ifdef LOCKED
	bpf_spin_lock(&locked->lock);
	locked->count++;
	bpf_spin_unlock(&locked->lock);
#endif
#ifdef PREEMPT_OFF
	bpf_preempt_disable();
	entry->guarded++;
	bpf_preempt_enable();
#endif
#ifdef UP_AND_DOWN
	entry->plain++;
	barrier();
	entry->plain--;
#endif
	return 0;
}

SEC("raw_tp/sched_process_exec") int first(void *ctx) { return count(); }
SEC("raw_tp/sched_process_exit") int second(void *ctx) { return count(); }
SEC("cgroup_skb/egress") int packet(void *skb) { count(); return 1; }
