"""What BPF helpers do to a program's memory, one row each.

A row names the function and then, in this order where they apply:

    r3:4     reads the memory that argument 3 points to, as many bytes as argument 4 says; r4=8: 8 bytes
    w1:2     writes all of it, also where it fails (probe_read fills with zeros)
    p1:2     writes a part of it, or nothing
    s2:3     reads it and sends it away: to a ring buffer, a perf buffer or a seq_file
    =32      returns a number of 32 bits; =cpu, =pid_tgid: that value; =task: the current task; =kernel: a pointer into
             the kernel or NULL; without any: some number
    sleeps   may sleep
    !name    is followed by code of its own, in `calls`

Read in include/uapi/linux/bpf.h, kernel/bpf/helpers.c, kernel/trace/bpf_trace.c and net/core/filter.c of Linux 7.0.
"""

import re
from dataclasses import dataclass

__all__ = ["HELPERS", "Effect", "Routine", "routine"]


@dataclass(frozen=True, slots=True)
class Effect:
    """What a call does to one of its arguments.

    kind: ``r``, ``w``, ``p`` or ``s`` as above. pointer: the number of the argument; size: that of the one that says
    how many bytes, or 0 with `fixed` bytes.
    """

    kind: str
    pointer: int
    size: int
    fixed: int


@dataclass(frozen=True, slots=True)
class Routine:
    """A helper or kfunc. special: the name of what follows it, or nothing; returns: the row's word, or nothing."""

    name: str
    effects: tuple[Effect, ...] = ()
    returns: str = ""
    sleeps: bool = False
    special: str = ""


_EFFECT = re.compile(r"([rwps])(\d)(?::(\d)|=(\d+))")


def routine(words: list[str]) -> Routine:
    """Return what the words of a row say, its number apart."""
    effects = [
        Effect(found[1], int(found[2]), int(found[3] or 0), int(found[4] or 0))
        for word in words[1:]
        if (found := _EFFECT.fullmatch(word))
    ]
    returns = next((word[1:] for word in words if word.startswith("=")), "")
    special = next((word[1:] for word in words if word.startswith("!")), "")
    return Routine(words[0] if "bpf_" in words[0] else f"bpf_{words[0]}", tuple(effects), returns,
                   "sleeps" in words, special)  # fmt: skip


# By number, as in ___BPF_FUNC_MAPPER.
_HELPER_ROWS = """
1 map_lookup_elem !lookup
2 map_update_elem !update
3 map_delete_elem !delete
4 probe_read w1:2
5 ktime_get_ns
6 trace_printk r1:2
7 get_prandom_u32 =32
8 get_smp_processor_id =cpu
9 skb_store_bytes r3:4
10 l3_csum_replace
11 l4_csum_replace
12 tail_call !tail_call
13 clone_redirect
14 get_current_pid_tgid =pid_tgid
15 get_current_uid_gid
16 get_current_comm w1:2
17 get_cgroup_classid =32
18 skb_vlan_push
19 skb_vlan_pop
20 skb_get_tunnel_key w2:3
21 skb_set_tunnel_key r2:3
22 perf_event_read
23 redirect
24 get_route_realm =32
25 perf_event_output s4:5
26 skb_load_bytes w3:4
27 get_stackid
28 csum_diff r1:2 r3:4
29 skb_get_tunnel_opt w2:3
30 skb_set_tunnel_opt r2:3
31 skb_change_proto
32 skb_change_type
33 skb_under_cgroup
34 get_hash_recalc =32
35 get_current_task
36 probe_write_user r2:3
37 current_task_under_cgroup
38 skb_change_tail
39 skb_pull_data
40 csum_update
41 set_hash_invalid
42 get_numa_node_id
43 skb_change_head
44 xdp_adjust_head
45 probe_read_str p1:2
46 get_socket_cookie
47 get_socket_uid =32
48 set_hash
49 setsockopt r4:5
50 skb_adjust_room
51 redirect_map
52 sk_redirect_map
53 sock_map_update
54 xdp_adjust_meta
55 perf_event_read_value w3:4
56 perf_prog_read_value w2:3
57 getsockopt p4:5
58 override_return
59 sock_ops_cb_flags_set
60 msg_redirect_map
61 msg_apply_bytes
62 msg_cork_bytes
63 msg_pull_data
64 bind r2:3
65 xdp_adjust_tail
66 skb_get_xfrm_state w3:4
67 get_stack p2:3
68 skb_load_bytes_relative w3:4
69 fib_lookup r2:3 p2:3
70 sock_hash_update
71 msg_redirect_hash
72 sk_redirect_hash
73 lwt_push_encap r3:4
74 lwt_seg6_store_bytes r3:4
75 lwt_seg6_adjust_srh
76 lwt_seg6_action r3:4
77 rc_repeat
78 rc_keydown
79 skb_cgroup_id
80 get_current_cgroup_id
81 get_local_storage !storage
82 sk_select_reuseport
83 skb_ancestor_cgroup_id
84 sk_lookup_tcp r2:3 =kernel
85 sk_lookup_udp r2:3 =kernel
86 sk_release
87 map_push_elem !push
88 map_pop_elem !pop
89 map_peek_elem !pop
90 msg_push_data
91 msg_pop_data
92 rc_pointer_rel
93 spin_lock !spin_lock
94 spin_unlock !spin_unlock
95 sk_fullsock =kernel
96 tcp_sock =kernel
97 skb_ecn_set_ce
98 get_listener_sock =kernel
99 skc_lookup_tcp r2:3 =kernel
100 tcp_check_syncookie r2:3 r4:5
101 sysctl_get_name p2:3
102 sysctl_get_current_value p2:3
103 sysctl_get_new_value p2:3
104 sysctl_set_new_value r2:3
105 strtol r1:2 p4=8
106 strtoul r1:2 p4=8
107 sk_storage_get !storage
108 sk_storage_delete !delete
109 send_signal
110 tcp_gen_syncookie r2:3 r4:5
111 skb_output s4:5
112 probe_read_user w1:2
113 probe_read_kernel w1:2
114 probe_read_user_str p1:2
115 probe_read_kernel_str p1:2
116 tcp_send_ack
117 send_signal_thread
118 jiffies64
119 read_branch_records p2:3
120 get_ns_current_pid_tgid w3:4
121 xdp_output s4:5
122 get_netns_cookie
123 get_current_ancestor_cgroup_id
124 sk_assign
125 ktime_get_boot_ns
126 seq_printf r2:3 s4:5
127 seq_write s2:3
128 sk_cgroup_id
129 sk_ancestor_cgroup_id
130 ringbuf_output s2:3
131 ringbuf_reserve !reserve
132 ringbuf_submit
133 ringbuf_discard
134 ringbuf_query
135 csum_level
136 skc_to_tcp6_sock =kernel
137 skc_to_tcp_sock =kernel
138 skc_to_tcp_timewait_sock =kernel
139 skc_to_tcp_request_sock =kernel
140 skc_to_udp6_sock =kernel
141 get_task_stack p2:3
142 load_hdr_opt r2:3 p2:3
143 store_hdr_opt r2:3
144 reserve_hdr_opt
145 inode_storage_get !storage
146 inode_storage_delete !delete
147 d_path p2:3
148 copy_from_user w1:2 sleeps
149 snprintf_btf p1:2 r3:4
150 seq_printf_btf r2:3
151 skb_cgroup_classid
152 redirect_neigh r2:3
153 per_cpu_ptr =kernel
154 this_cpu_ptr =kernel
155 redirect_peer
156 task_storage_get !storage
157 task_storage_delete !delete
158 get_current_task_btf =task
159 bprm_opts_set
160 ktime_get_coarse_ns
161 ima_inode_hash p2:3 sleeps
162 sock_from_file =kernel
163 check_mtu r3=4 p3=4
164 for_each_map_elem !each_element
165 snprintf p1:2 r4:5
166 sys_bpf r2:3 sleeps
167 btf_find_by_name_kind r1:2 sleeps
168 sys_close sleeps
169 timer_init
170 timer_set_callback
171 timer_start
172 timer_cancel
173 get_func_ip
174 get_attach_cookie
175 task_pt_regs
176 get_branch_snapshot p1:2
177 trace_vprintk r1:2 r3:4
178 skc_to_unix_sock =kernel
179 kallsyms_lookup_name r1:2 p4=8
180 find_vma !find_vma
181 loop !loop
182 strncmp r1:2
183 get_func_arg p3=8
184 get_func_ret p2=8
185 get_func_arg_cnt
186 get_retval
187 set_retval
188 xdp_get_buff_len
189 xdp_load_bytes p3:4
190 xdp_store_bytes r3:4
191 copy_from_user_task w1:2 sleeps
192 skb_set_tstamp
193 ima_file_hash p2:3 sleeps
194 kptr_xchg !kptr_xchg
195 map_lookup_percpu_elem !lookup_percpu
196 skc_to_mptcp_sock =kernel
197 dynptr_from_mem !dynptr_from_mem
198 ringbuf_reserve_dynptr !private_dynptr4
199 ringbuf_submit_dynptr
200 ringbuf_discard_dynptr
201 dynptr_read p1:2
202 dynptr_write s3:4
203 dynptr_data !dynptr_data
204 tcp_raw_gen_syncookie_ipv4 r2:3
205 tcp_raw_gen_syncookie_ipv6 r2:3
206 tcp_raw_check_syncookie_ipv4
207 tcp_raw_check_syncookie_ipv6
208 ktime_get_tai_ns
209 user_ringbuf_drain !drain
210 cgrp_storage_get !storage
211 cgrp_storage_delete !delete
"""

HELPERS = {int(line.split()[0]): routine(line.split()[1:]) for line in _HELPER_ROWS.strip().splitlines()}
"""The helpers, by the number in a call instruction."""
