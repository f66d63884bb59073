/* Pairs of programs that authors of agents write, right and wrong: test_pairs.py has what is right of each. */
#include "program.h"
struct event { __u64 type, time; };
struct wide { __u64 a, b; };
struct { __uint(type, PERCPU_ARRAY); __type(key, __u32); __type(value, struct event); __uint(max_entries, 4); } scratch SEC(".maps");
struct { __uint(type, HASH); __type(key, __u64); __type(value, struct wide); __uint(max_entries, 64); } states SEC(".maps");
struct { __uint(type, PERCPU_HASH); __type(key, __u64); __type(value, struct wide); __uint(max_entries, 64); } phash SEC(".maps");
struct { __uint(type, RINGBUF); __uint(max_entries, 4096); } events SEC(".maps");
struct { __uint(type, ARRAY); __type(key, __u32); __type(value, struct wide); __uint(max_entries, 1); } shared SEC(".maps");
__u64 total, low, high; __u32 depth; __u8 lockbyte;
#define EV(k) __u32 z = k; struct event *e = bpf_map_lookup_elem(&scratch, &z); if (!e) return 0
/* 1 stack event: never mixed */
SEC("raw_tp/a1") int stack_a(void *c) { struct event e = {1, bpf_ktime_get_ns()}; bpf_ringbuf_output(&events, &e, 16, 0); return 0; }
SEC("raw_tp/b1") int stack_b(void *c) { struct event e = {2, bpf_ktime_get_ns()}; bpf_ringbuf_output(&events, &e, 16, 0); return 0; }
/* 2 different elements */
SEC("raw_tp/a2") int elem_a(void *c) { EV(0); e->type = 1; e->time = bpf_ktime_get_ns(); bpf_ringbuf_output(&events, e, 16, 0); return 0; }
SEC("raw_tp/b2") int elem_b(void *c) { EV(1); e->type = 2; e->time = bpf_ktime_get_ns(); bpf_ringbuf_output(&events, e, 16, 0); return 0; }
/* 3 the second writes only the bytes that the first does not send */
SEC("raw_tp/a3") int part_a(void *c) { EV(2); e->type = 1; barrier(); bpf_ringbuf_output(&events, e, 8, 0); return 0; }
SEC("raw_tp/b3") int part_b(void *c) { EV(2); e->time = 5; barrier(); return 0; }
/* 4 hash element read-modify-write with the same unknown key */
SEC("raw_tp/a4") int hash_a(void *c) { __u64 k = bpf_get_prandom_u32(); struct wide *w = bpf_map_lookup_elem(&states, &k); if (w) w->a++; return 0; }
SEC("raw_tp/b4") int hash_b(void *c) { __u64 k = bpf_get_prandom_u32(); struct wide *w = bpf_map_lookup_elem(&states, &k); if (w) w->a += 2; return 0; }
/* 5 pid-keyed hash: two tasks have two keys; a softirq has the task's */
SEC("raw_tp/a5") int pid_a(void *c) { __u64 k = bpf_get_current_pid_tgid(); struct wide *w = bpf_map_lookup_elem(&states, &k); if (w) w->b++; return 0; }
SEC("raw_tp/b5") int pid_b(void *c) { __u64 k = bpf_get_current_pid_tgid(); struct wide *w = bpf_map_lookup_elem(&states, &k); if (w) w->b++; return 0; }
SEC("cgroup_skb/egress") int pid_p(void *c) { __u64 k = bpf_get_current_pid_tgid(); struct wide *w = bpf_map_lookup_elem(&states, &k); if (w) w->b++; return 1; }
/* 6 tgid alone: two threads of a process share it */
SEC("raw_tp/a6") int tgid_a(void *c) { __u64 k = bpf_get_current_pid_tgid() >> 32; struct wide *w = bpf_map_lookup_elem(&states, &k); if (w) w->a++; return 0; }
SEC("raw_tp/b6") int tgid_b(void *c) { __u64 k = bpf_get_current_pid_tgid() >> 32; struct wide *w = bpf_map_lookup_elem(&states, &k); if (w) w->a++; return 0; }
/* 7 max: load, compare, store */
SEC("raw_tp/a7") int max_a(void *c) { __u64 t = bpf_ktime_get_ns(); if (t > high) high = t; return 0; }
SEC("raw_tp/b7") int max_b(void *c) { __u64 t = bpf_ktime_get_ns(); if (t > high) high = t; return 0; }
/* 8 plain store of time: no update is based on a load */
SEC("raw_tp/a8") int last_a(void *c) { low = bpf_ktime_get_ns(); return 0; }
SEC("raw_tp/b8") int last_b(void *c) { low = bpf_ktime_get_ns(); return 0; }
/* 9 cmpxchg loop */
SEC("raw_tp/a9") int cas_a(void *c) { for (int i = 0; i < 4; i++) { __u64 o = *(volatile __u64 *)&total; if (__sync_val_compare_and_swap(&total, o, o + 1) == o) break; } return 0; }
SEC("raw_tp/b9") int cas_b(void *c) { for (int i = 0; i < 4; i++) { __u64 o = *(volatile __u64 *)&total; if (__sync_val_compare_and_swap(&total, o, o + 1) == o) break; } return 0; }
/* 10 preempt off only around the write, not the send */
SEC("raw_tp/a10") int half_a(void *c) { EV(3); bpf_preempt_disable(); e->type = 1; e->time = bpf_ktime_get_ns(); bpf_preempt_enable(); bpf_ringbuf_output(&events, e, 16, 0); return 0; }
SEC("raw_tp/b10") int half_b(void *c) { EV(3); bpf_preempt_disable(); e->type = 2; e->time = bpf_ktime_get_ns(); bpf_preempt_enable(); bpf_ringbuf_output(&events, e, 16, 0); return 0; }
/* 11 one guarded by preempt off, the other not */
SEC("raw_tp/a11") int one_a(void *c) { EV(3); bpf_preempt_disable(); e->type = 1; e->time = 1; barrier(); bpf_ringbuf_output(&events, e, 16, 0); bpf_preempt_enable(); return 0; }
SEC("raw_tp/b11") int one_b(void *c) { EV(3); e->type = 2; barrier(); e->time = 2; barrier(); return 0; }
/* 12 early return leaves the flag taken */
SEC("raw_tp/a12") int leak_a(void *c) { if (__sync_val_compare_and_swap(&depth, 0, 1)) return 0; if (bpf_get_prandom_u32() & 1) { barrier(); depth = 0; return 0; } barrier(); depth = 0; return 0; }
SEC("raw_tp/b12") int leak_b(void *c) { if (__sync_val_compare_and_swap(&depth, 0, 1)) return 0; barrier(); depth = 0; return 0; }
/* 13 unconditional release by the one that did not take */
SEC("raw_tp/a13") int rel_a(void *c) { __u32 t = __sync_val_compare_and_swap(&depth, 0, 1); if (!t) { EV(0); e->type = 1; e->time = 2; barrier(); bpf_ringbuf_output(&events, e, 16, 0); } barrier(); depth = 0; return 0; }
SEC("raw_tp/b13") int rel_b(void *c) { __u32 t = __sync_val_compare_and_swap(&depth, 0, 1); if (!t) { EV(0); e->type = 3; e->time = 4; barrier(); bpf_ringbuf_output(&events, e, 16, 0); } barrier(); depth = 0; return 0; }
/* 14 map update of a shared array element from the stack: sent bytes are private */
SEC("raw_tp/a14") int upd_a(void *c) { __u32 z = 0; struct wide w = {1, 2}; bpf_map_update_elem(&shared, &z, &w, 0); return 0; }
SEC("raw_tp/b14") int upd_b(void *c) { __u32 z = 0; struct wide w = {3, 4}; bpf_map_update_elem(&shared, &z, &w, 0); return 0; }
/* 15 event re-read: writes, sends twice */
SEC("raw_tp/a15") int twice_a(void *c) { EV(1); e->type = 1; e->time = 1; barrier(); bpf_ringbuf_output(&events, e, 16, 0); e->type = 1; e->time = 2; barrier(); bpf_ringbuf_output(&events, e, 16, 0); return 0; }
/* 16 bit set: or of a shared byte */
SEC("raw_tp/a16") int bit_a(void *c) { lockbyte |= 1; return 0; }
SEC("raw_tp/b16") int bit_b(void *c) { lockbyte |= 2; return 0; }
/* 17 perf output */
SEC("raw_tp/a17") int reserve_a(void *c) { struct event *e = bpf_ringbuf_reserve(&events, 16, 0); if (!e) return 0; e->type = 1; e->time = bpf_ktime_get_ns(); bpf_ringbuf_submit(e, 0); return 0; }
/* 18 percpu hash, const key */
SEC("raw_tp/a18") int ph_a(void *c) { __u64 k = 7; struct wide *w = bpf_map_lookup_elem(&phash, &k); if (w) __sync_fetch_and_add(&w->a, 1); return 0; }
SEC("raw_tp/b18") int ph_b(void *c) { __u64 k = 7; struct wide *w = bpf_map_lookup_elem(&phash, &k); if (w) w->a++; return 0; }
/* 19 different fields of one element */
SEC("raw_tp/a19") int fld_a(void *c) { __u64 k = 9; struct wide *w = bpf_map_lookup_elem(&phash, &k); if (w) w->a++; return 0; }
SEC("raw_tp/b19") int fld_b(void *c) { __u64 k = 9; struct wide *w = bpf_map_lookup_elem(&phash, &k); if (w) w->b++; return 0; }
