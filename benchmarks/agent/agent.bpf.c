/* A security agent, as large as real ones: 75 programs that build their events in buffers for each CPU. */
typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;

#define SEC(name) __attribute__((section(name), used))
#define __uint(name, val) int (*name)[val]
#define __type(name, val) typeof(val) *name
#define __always_inline inline __attribute__((always_inline))
#define barrier_var(variable) asm volatile("" : "+r"(variable))
#define __core __attribute__((preserve_access_index))

enum { HASH = 1, PERCPU_ARRAY = 6, LRU_HASH = 9, RINGBUF = 27 };

static void *(*const bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
static long (*const bpf_map_update_elem)(void *map, const void *key, const void *value, __u64 flags) = (void *)2;
static long (*const bpf_map_delete_elem)(void *map, const void *key) = (void *)3;
static __u64 (*const bpf_ktime_get_ns)(void) = (void *)5;
static __u64 (*const bpf_get_current_pid_tgid)(void) = (void *)14;
static __u64 (*const bpf_get_current_uid_gid)(void) = (void *)15;
static long (*const bpf_get_current_comm)(void *buffer, __u32 size) = (void *)16;
static long (*const bpf_skb_load_bytes)(void *skb, __u32 offset, void *to, __u32 size) = (void *)26;
static void *(*const bpf_get_current_task)(void) = (void *)35;
static long (*const bpf_probe_read_user)(void *to, __u32 size, const void *from) = (void *)112;
static long (*const bpf_probe_read_kernel)(void *to, __u32 size, const void *from) = (void *)113;
static long (*const bpf_probe_read_user_str)(void *to, __u32 size, const void *from) = (void *)114;
static long (*const bpf_probe_read_kernel_str)(void *to, __u32 size, const void *from) = (void *)115;
static long (*const bpf_ringbuf_output)(void *map, void *data, __u64 size, __u64 flags) = (void *)130;
static void *(*const bpf_ringbuf_reserve)(void *map, __u64 size, __u64 flags) = (void *)131;
static void (*const bpf_ringbuf_submit)(void *data, __u64 flags) = (void *)132;

struct qstr { __u64 hash_len; const char *name; } __core;
struct dentry { struct dentry *d_parent; struct qstr d_name; } __core;
struct path { void *mnt; struct dentry *dentry; } __core;
struct file { struct path f_path; } __core;
struct task_struct { int pid, tgid; __u64 start_boottime; struct task_struct *real_parent, *group_leader; } __core;

#define READ(to, from) bpf_probe_read_kernel(&(to), sizeof(to), __builtin_preserve_access_index(&(from)))

struct of_task { __u32 pid, tid, ppid, uid; __u64 began; char comm[16]; };
#define DATA 3072
struct event { __u32 type, size; __u64 time; struct of_task task; __u32 used, count; char data[DATA]; };
struct state { __u64 began, first, second; __u32 type, flags; };
struct flow { __u32 from, to; __u16 from_port, to_port; __u32 protocol; };
struct flow_counts { __u64 packets, bytes, seen; __u32 pid, flags; };
struct small_event { __u32 type, pid; __u64 time, first, second; char comm[16]; };
struct names { char text[4096]; };

struct { __uint(type, RINGBUF); __uint(max_entries, 1 << 20); } events SEC(".maps");
struct { __uint(type, PERCPU_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, struct event); }
scratch SEC(".maps");
struct { __uint(type, PERCPU_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, struct names); }
names SEC(".maps");
struct { __uint(type, HASH); __uint(max_entries, 4096); __type(key, __u64); __type(value, struct state); }
states SEC(".maps");
struct { __uint(type, LRU_HASH); __uint(max_entries, 4096); __type(key, struct flow); __type(value, struct flow_counts); }
flows SEC(".maps");
struct { __uint(type, PERCPU_ARRAY); __uint(max_entries, 16); __type(key, __u32); __type(value, __u64); }
counts SEC(".maps");

const volatile __u32 agent_pid = 0, features = ~0;
__u32 paused;

static __always_inline int unwanted(__u32 feature)
{
	return paused || !(features & 1u << feature) || bpf_get_current_pid_tgid() >> 32 == agent_pid;
}

static __always_inline void count(__u32 what)
{
	__u64 *value = bpf_map_lookup_elem(&counts, &what);

	if (value)
		(*value)++;
}

static __always_inline struct event *begin(__u32 type)
{
	__u32 zero = 0;
	struct event *event = bpf_map_lookup_elem(&scratch, &zero);
	struct task_struct *task = bpf_get_current_task(), *parent = 0;
	__u64 ids = bpf_get_current_pid_tgid();

	if (!event)
		return 0;
	event->type = type;
	event->used = event->count = 0;
	event->time = bpf_ktime_get_ns();
	event->task.pid = ids >> 32;
	event->task.tid = ids;
	event->task.uid = bpf_get_current_uid_gid();
	bpf_get_current_comm(event->task.comm, sizeof(event->task.comm));
	READ(event->task.began, task->start_boottime);
	READ(parent, task->real_parent);
	READ(event->task.ppid, parent->tgid);
	return event;
}

static __always_inline void add_text(struct event *event, const char *text, int user)
{
	__u32 used = event->used;
	long length;

	if (used > DATA - 256)
		return;
	barrier_var(used);
	if (used > DATA - 256)
		return;
	length = user ? bpf_probe_read_user_str(event->data + used, 256, text)
		      : bpf_probe_read_kernel_str(event->data + used, 256, text);
	if (length > 0 && length <= 256) {
		event->used = used + length;
		event->count++;
	}
}

static __always_inline void add_path(struct event *event, struct dentry *dentry)
{
	__u32 zero = 0, at = 0;
	struct names *names_here = bpf_map_lookup_elem(&names, &zero);

	if (!names_here)
		return;
	for (int depth = 0; depth < 16; depth++) {
		struct dentry *parent = 0;
		const char *name = 0;
		long length;

		READ(parent, dentry->d_parent);
		READ(name, dentry->d_name.name);
		if (at > 4096 - 256)
			break;
		barrier_var(at);
		if (at > 4096 - 256)
			break;
		length = bpf_probe_read_kernel_str(names_here->text + at, 256, name);
		if (length <= 0 || length > 256)
			break;
		at += length;
		if (parent == dentry || !parent)
			break;
		dentry = parent;
	}
	add_text(event, names_here->text, 0);
}

static __always_inline void add_arguments(struct event *event, const char *const *arguments)
{
	for (int number = 0; number < 20; number++) {
		const char *text = 0;

		bpf_probe_read_user(&text, sizeof(text), arguments + number);
		if (!text)
			break;
		add_text(event, text, 1);
	}
}

static __always_inline void send(struct event *event)
{
	__u32 size = __builtin_offsetof(struct event, data) + event->used;

	event->size = size;
	barrier_var(size);
	if (size > sizeof(*event))
		size = sizeof(*event);
	if (bpf_ringbuf_output(&events, event, size, 0))
		count(1);
	else
		count(0);
}

static __always_inline void send_small(__u32 type, __u64 first, __u64 second)
{
	struct small_event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (!event) {
		count(1);
		return;
	}
	event->type = type;
	event->pid = bpf_get_current_pid_tgid() >> 32;
	event->time = bpf_ktime_get_ns();
	event->first = first;
	event->second = second;
	bpf_get_current_comm(event->comm, sizeof(event->comm));
	bpf_ringbuf_submit(event, 0);
	count(0);
}

static __always_inline int remember(__u32 type, __u64 first, __u64 second)
{
	__u64 ids = bpf_get_current_pid_tgid();
	struct state state = { bpf_ktime_get_ns(), first, second, type, 0 };

	if (unwanted(type & 31))
		return 0;
	bpf_map_update_elem(&states, &ids, &state, 0);
	return 0;
}

static __always_inline int recall(__u32 type, long result)
{
	__u64 ids = bpf_get_current_pid_tgid();
	struct state *state = bpf_map_lookup_elem(&states, &ids);
	struct event *event;
	struct file *file;
	struct dentry *dentry = 0;

	if (!state || state->type != type)
		return 0;
	if (result < 0)
		goto out;
	event = begin(type);
	if (!event)
		goto out;
	file = (struct file *)state->first;
	READ(dentry, file->f_path.dentry);
	add_path(event, dentry);
	send(event);
out:
	bpf_map_delete_elem(&states, &ids);
	return 0;
}

static __always_inline int process(__u32 type, const char *const *arguments, struct dentry *program)
{
	struct event *event;

	if (unwanted(type & 31))
		return 0;
	event = begin(type);
	if (!event)
		return 0;
	add_path(event, program);
	add_arguments(event, arguments);
	send(event);
	return 0;
}

static __always_inline int inspect(__u32 type, struct dentry *first, struct dentry *second)
{
	struct event *event;

	if (unwanted(type & 31))
		return 0;
	event = begin(type);
	if (!event)
		return 0;
	add_path(event, first);
	if (second)
		add_path(event, second);
	send(event);
	return 0;
}

static __always_inline int packet(__u32 type, void *skb, int incoming)
{
	struct flow flow = {};
	struct flow_counts fresh = {}, *known;
	struct event *event;
	__u8 header[20];

	if (bpf_skb_load_bytes(skb, 0, header, sizeof(header)))
		return 1;
	flow.protocol = header[9];
	flow.from = *(__u32 *)(header + 12);
	flow.to = *(__u32 *)(header + 16);
	bpf_skb_load_bytes(skb, 20, &flow.from_port, 4);
	known = bpf_map_lookup_elem(&flows, &flow);
	if (!known) {
		fresh.packets = 1;
		fresh.flags = incoming;
		fresh.seen = bpf_ktime_get_ns();
		bpf_map_update_elem(&flows, &flow, &fresh, 0);
	} else {
		known->packets++;
		known->bytes += header[3];
		known->seen = bpf_ktime_get_ns();
		return 1;
	}
	event = begin(type);
	if (event) {
		__builtin_memcpy(event->data, &flow, sizeof(flow));
		event->used = sizeof(flow);
		send(event);
	}
	return 1;
}

#define ENTER(n) SEC("fentry/vfs_enter_" #n) int enter_##n(__u64 *ctx) { return remember(n, ctx[0], ctx[1]); }
#define LEAVE(n) SEC("fexit/vfs_enter_" #n) int leave_##n(__u64 *ctx) { return recall(n, ctx[2]); }
#define EXEC(n) SEC("tp_btf/sched_event_" #n) int exec_##n(__u64 *ctx) { return process(n, (void *)ctx[1], (void *)ctx[2]); }
#define FORK(n) SEC("fentry/fork_" #n) int fork_##n(__u64 *ctx) { return process(n, (void *)ctx[0], (void *)ctx[1]); }
#define GUARD(n) SEC("lsm/path_" #n) int guard_##n(__u64 *ctx) { return inspect(n, (void *)ctx[0], (void *)ctx[1]); }
#define WATCH(n) SEC("fentry/inode_" #n) int watch_##n(__u64 *ctx) { return inspect(n, (void *)ctx[1], 0); }
#define INCOMING(n) SEC("cgroup_skb/ingress") int incoming_##n(void *skb) { return packet(n, skb, 1); }
#define OUTGOING(n) SEC("cgroup_skb/egress") int outgoing_##n(void *skb) { return packet(n, skb, 0); }
#define SOCKET(n) SEC("fentry/sock_" #n) int socket_##n(__u64 *ctx) \
	{ if (!unwanted(n & 31)) send_small(n, ctx[0], ctx[1]); return 0; }
#define PROBE(n) SEC("kprobe/do_" #n) int probe_##n(__u64 *ctx) \
	{ if (!unwanted(n & 31)) send_small(n, ctx[14], ctx[13]); return 0; }
#define USER(n) SEC("uprobe/shell:line_" #n) int user_##n(__u64 *ctx) \
	{ struct event *event = unwanted(n & 31) ? 0 : begin(n); \
	  if (event) { add_text(event, (void *)ctx[14], 1); send(event); } return 0; }
#define FIVE(of, a, b, c, d, e) of(a) of(b) of(c) of(d) of(e)

FIVE(ENTER, 0, 1, 2, 3, 4) FIVE(ENTER, 5, 6, 7, 8, 9)
FIVE(LEAVE, 0, 1, 2, 3, 4) FIVE(LEAVE, 5, 6, 7, 8, 9)
FIVE(EXEC, 10, 11, 12, 13, 14) FIVE(FORK, 15, 16, 17, 18, 19)
FIVE(GUARD, 20, 21, 22, 23, 24) FIVE(GUARD, 25, 26, 27, 28, 29)
FIVE(WATCH, 30, 31, 32, 33, 34)
FIVE(INCOMING, 35, 36, 37, 38, 39) FIVE(OUTGOING, 40, 41, 42, 43, 44)
FIVE(SOCKET, 45, 46, 47, 48, 49) FIVE(SOCKET, 50, 51, 52, 53, 54)
FIVE(PROBE, 55, 56, 57, 58, 59)
FIVE(USER, 60, 61, 62, 63, 64)

char LICENSE[] SEC("license") = "GPL";
