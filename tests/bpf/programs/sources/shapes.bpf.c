/* What the analysis of one program must see through: loops, calls, callbacks, tail calls, timers. */
#include "program.h"

struct record { __u32 kind; char bytes[60]; };
struct timed { __u64 timer[2]; __u32 ticks; };

struct { __uint(type, PERCPU_ARRAY); __type(key, __u32); __type(value, struct record); __uint(max_entries, 1); }
records SEC(".maps");
struct { __uint(type, HASH); __type(key, __u64); __type(value, __u64); __uint(max_entries, 64); } by_id SEC(".maps");
struct { __uint(type, ARRAY); __type(key, __u32); __type(value, struct timed); __uint(max_entries, 1); } timed SEC(".maps");
struct { __uint(type, RINGBUF); __uint(max_entries, 4096); } events SEC(".maps");

int on_tail(void *ctx);
struct {
	__uint(type, PROG_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, 4);
	__array(values, int(void *));
} tails SEC(".maps") = { .values = { [0] = (void *)&on_tail } };

static __always_inline struct record *record(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&records, &zero);
}

SEC("raw_tp/loop") int in_loop(__u64 *ctx)
{
	struct record *r = record();
	int i;

	if (!r)
		return 0;
#pragma clang loop unroll(disable)
	for (i = 0; i < 60; i++)
		*(volatile char *)&r->bytes[i] = 1;
	return 0;
}

static __noinline int fill(struct record *r, int kind)
{
	r->kind = kind;
	return 0;
}

SEC("raw_tp/call") int in_subprogram(__u64 *ctx)
{
	struct record *r = record();

	return r ? fill(r, 5) : 0;
}

static int turn(__u32 number, struct record **r)
{
	(*r)->bytes[number & 31] = 2;
	return 0;
}

SEC("raw_tp/bpf_loop") int in_callback(__u64 *ctx)
{
	struct record *r = record();

	if (r)
		bpf_loop(32, turn, &r, 0);
	return 0;
}

SEC("raw_tp/tail") int on_tail(void *ctx)
{
	struct record *r = record();

	if (r)
		r->kind = 9;
	return 0;
}

SEC("raw_tp/jump") int by_tail_call(void *ctx)
{
	bpf_tail_call(ctx, &tails, 0);
	return 0;
}

SEC("raw_tp/string") int of_a_string(__u64 *ctx)
{
	struct record *r = record();

	if (r)
		bpf_probe_read_user_str(r->bytes, sizeof(r->bytes), (void *)ctx[0]);
	return 0;
}

static int on_timer(void *map, __u32 *key, struct timed *t)
{
	t->ticks++;
	return 0;
}

SEC("tp_btf/sched_process_exec") int starts_timer(void *ctx)
{
	__u32 zero = 0;
	struct timed *t = bpf_map_lookup_elem(&timed, &zero);

	if (!t)
		return 0;
	bpf_timer_init(&t->timer, &timed, 1);
	bpf_timer_set_callback(&t->timer, on_timer);
	bpf_timer_start(&t->timer, 1000, 0);
	t->ticks++;
	return 0;
}

SEC("fentry/__x64_sys_read") int counts_by_pid(void *ctx)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u64 *n = bpf_map_lookup_elem(&by_id, &id);

	if (n)
		*n += 1;
	return 0;
}

SEC("fentry/__x64_sys_write") int counts_by_argument(__u64 *ctx)
{
	__u64 id = ctx[0];
	__u64 *n = bpf_map_lookup_elem(&by_id, &id);

	if (n)
		*n += 1;
	return 0;
}
