/* The same events, with what people put around a buffer that several programs share. */
#include "program.h"

#ifndef DEPTH
#define DEPTH 2
#endif

struct event { __u32 taken; __u32 type; __u64 id; char data[64]; };

struct { __uint(type, PERCPU_ARRAY); __type(key, __u32); __type(value, struct event); __uint(max_entries, 4); }
buffers SEC(".maps");
struct { __uint(type, TASK_STORAGE); __uint(map_flags, 1); __type(key, int); __type(value, struct event); }
of_task SEC(".maps");
struct { __uint(type, RINGBUF); __uint(max_entries, 4096); } events SEC(".maps");

__u32 busy, level;

static __always_inline void send(struct event *event, __u32 type, const void *from)
{
	event->type = type;
	event->id = bpf_get_current_pid_tgid();
	bpf_probe_read_kernel(event->data, sizeof(event->data), from);
	bpf_ringbuf_output(&events, &event->type, sizeof(*event) - 4, 0);
}

static __always_inline struct event *buffer(__u32 number)
{
	return bpf_map_lookup_elem(&buffers, &number);
}

static __always_inline int emit(__u32 type, __u32 context, const void *from)
{
	struct event *event;
#if defined(BUSY_PLAIN)          /* looks, then takes: two steps */
	if (busy)
		return 0;
	busy = 1;
	barrier();
	event = buffer(0);
	if (event)
		send(event, type, from);
	barrier();
	busy = 0;
#elif defined(BUSY_ATOMIC)       /* looks and takes in one step */
	if (__sync_val_compare_and_swap(&busy, 0, 1))
		return 0;
	event = buffer(0);
	if (event)
		send(event, type, from);
	barrier();
	busy = 0;
#elif defined(NEST_PLAIN)        /* a buffer for each level of nesting */
	__u32 mine = level;

	level = mine + 1;
	barrier();
	if (mine < DEPTH && (event = buffer(mine)))
		send(event, type, from);
	barrier();
	level = level - 1;
#elif defined(NEST_ATOMIC)
	__u32 mine = __sync_fetch_and_add(&level, 1);

	if (mine < DEPTH && (event = buffer(mine)))
		send(event, type, from);
	__sync_fetch_and_sub(&level, 1);
#elif defined(PER_CONTEXT)       /* a buffer for each context, which the caller knows */
	event = buffer(context);
	if (event)
		send(event, type, from);
#elif defined(OF_TASK)
	event = bpf_task_storage_get(&of_task, bpf_get_current_task_btf(), 0, 1);
	if (event)
		send(event, type, from);
#elif defined(CLAIM)             /* claims the first free buffer, else steals the last; sends what was not stolen */
	__u32 number;

	for (number = 0; number < DEPTH; number++) {
		event = buffer(number);
		if (!event)
			return 0;
		if (!__sync_val_compare_and_swap(&event->taken, 0, type))
			break;
		if (number == DEPTH - 1) {
			event->taken = type;
			break;
		}
	}
	barrier();
	event->type = type;
	bpf_probe_read_kernel(event->data, sizeof(event->data), from);
	barrier();
	if (*(volatile __u32 *)&event->taken != type)
		return 0;
	bpf_ringbuf_output(&events, &event->type, sizeof(*event) - 4, 0);
	__sync_val_compare_and_swap(&event->taken, type, 0);
#elif defined(PREEMPT_OFF)
	bpf_preempt_disable();
	event = buffer(0);
	if (event)
		send(event, type, from);
	bpf_preempt_enable();
#else
	event = buffer(0);
	if (event)
		send(event, type, from);
#endif
	return 0;
}

#ifndef FIRST
#define FIRST "raw_tp/sched_process_exec"
#define SECOND "raw_tp/sched_process_exit"
#endif

SEC(FIRST) int first(__u64 *ctx) { return emit(1, 0, ctx); }
SEC(SECOND) int second(__u64 *ctx) { return emit(2, 0, ctx); }
SEC("cgroup_skb/egress") int packet(void *skb) { emit(3, 1, skb); return 1; }
