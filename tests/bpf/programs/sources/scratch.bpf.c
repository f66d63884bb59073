/* Two tracepoints and a cgroup_skb program that build their events in one buffer for each CPU. */
#include "program.h"

struct event { __u32 type; __u32 length; __u64 id; char data[64]; };

struct { __uint(type, PERCPU_ARRAY); __type(key, __u32); __type(value, struct event); __uint(max_entries, 1); }
scratch SEC(".maps");
struct { __uint(type, RINGBUF); __uint(max_entries, 4096); } events SEC(".maps");

#ifndef ENTER
#define ENTER()
#define LEAVE()
#endif

static __always_inline int emit(__u32 type, const void *from)
{
	__u32 zero = 0;
	struct event *event;

	ENTER();
	event = bpf_map_lookup_elem(&scratch, &zero);
	if (event) {
		event->type = type;
		event->id = bpf_get_current_pid_tgid();
		bpf_probe_read_kernel(event->data, sizeof(event->data), from);
		bpf_ringbuf_output(&events, event, sizeof(*event), 0);
	}
	LEAVE();
	return 0;
}

SEC("raw_tp/sched_process_exec") int on_exec(__u64 *ctx) { return emit(1, (void *)ctx[0]); }
SEC("raw_tp/sched_process_exit") int on_exit(__u64 *ctx) { return emit(2, (void *)ctx[0]); }
SEC("cgroup_skb/egress") int on_packet(void *skb) { emit(3, skb); return 1; }
