"""How the kernel runs network, cgroup and socket programs, iterators, struct_ops, and callbacks.

As in `tracing`, a row holds from its release to the next row of its kind.
"""

from ctxrace.bpf.programs.rules import commits
from ctxrace.bpf.programs.rules.kinds import Kind
from ctxrace.bpf.programs.rules.row import ANY_LEVEL, Guard, Hold, Row
from ctxrace.bpf.programs.rules.source import Source
from ctxrace.kernel.rules.contexts import Level

__all__ = ["NETWORK", "OTHERS"]

RCU_MIGRATE = frozenset({Hold.RCU_READ_LOCK, Hold.MIGRATE_DISABLE})
RCU_BH = frozenset({Hold.RCU_READ_LOCK, Hold.LOCAL_BH_DISABLE})
BH = frozenset({Hold.LOCAL_BH_DISABLE})
MIGRATE = frozenset({Hold.MIGRATE_DISABLE})

TASK = (Level.TASK,)
SOFTIRQ = (Level.SOFTIRQ,)
TASK_AND_SOFTIRQ = (Level.TASK, Level.SOFTIRQ)

_RUN_CGROUP = Source("kernel/bpf/cgroup.c", "bpf_prog_run_array_cg")
_RUN_FILTER = Source("include/linux/filter.h", "bpf_prog_run_save_cb")
_PIN_ON_CPU = Source("include/linux/filter.h", "bpf_prog_run_pin_on_cpu")


def _net(
    kind: Kind,
    levels: tuple[Level, ...],
    holds: frozenset[Hold],
    *sources: Source,
    possible: tuple[Level, ...] = (),
    hook: str = "",
    inferred: bool = False,
) -> Row:
    """Return a row without a guard that is the same in all kernels that were read."""
    return Row(kind, (5, 10), levels, holds, Guard.NONE, sources, possible=possible, hook=hook, inferred=inferred)


NETWORK = (
    # Also where a driver or a socket has no NAPI of its own: a task turns bottom halves off then.
    _net(
        Kind.XDP,
        TASK_AND_SOFTIRQ,
        RCU_BH,
        Source("include/net/xdp.h", "bpf_prog_run_xdp"),
        Source("net/core/dev.c", "netif_receive_generic_xdp"),
    ),
    _net(
        Kind.TC,
        TASK_AND_SOFTIRQ,
        RCU_BH,
        Source("net/sched/cls_bpf.c", "cls_bpf_classify"),
        Source("net/core/dev.c", "__dev_queue_xmit"),
    ),
    _net(
        Kind.CGROUP_SKB,
        TASK_AND_SOFTIRQ,
        RCU_MIGRATE,
        Source("net/ipv4/ip_output.c", "ip_finish_output"),
        Source("kernel/bpf/cgroup.c", "__cgroup_bpf_run_filter_skb"),
        _RUN_CGROUP,
    ),
    _net(
        Kind.CGROUP_SKB,
        TASK_AND_SOFTIRQ,
        RCU_MIGRATE | BH,
        Source("net/core/filter.c", "sk_filter_trim_cap"),
        _RUN_CGROUP,
        hook="ingress",
        inferred=True,
    ),
    _net(Kind.CGROUP_SOCK, TASK, RCU_MIGRATE, Source("net/ipv4/af_inet.c", "inet_create"), _RUN_CGROUP),
    _net(Kind.CGROUP_SOCKOPT, TASK, RCU_MIGRATE, Source("net/socket.c", "do_sock_setsockopt"), _RUN_CGROUP),
    _net(Kind.CGROUP_SYSCTL, TASK, RCU_MIGRATE, Source("fs/proc/proc_sysctl.c", "proc_sys_call_handler"), _RUN_CGROUP),
    _net(
        Kind.SOCK_OPS,
        TASK_AND_SOFTIRQ,
        RCU_MIGRATE,
        Source("net/ipv4/tcp_output.c", "tcp_connect"),
        Source("include/net/tcp.h", "tcp_call_bpf"),
        _RUN_CGROUP,
    ),
    _net(
        Kind.SOCKET_FILTER,
        TASK_AND_SOFTIRQ,
        RCU_MIGRATE,
        Source("net/unix/af_unix.c", "unix_dgram_sendmsg"),
        Source("net/core/filter.c", "sk_filter_trim_cap"),
        _RUN_FILTER,
    ),
    _net(
        Kind.SK_REUSEPORT,
        SOFTIRQ,
        RCU_MIGRATE,
        Source("net/core/sock_reuseport.c", "reuseport_select_sock"),
        possible=TASK,
        inferred=True,
    ),
    _net(
        Kind.SK_LOOKUP,
        TASK_AND_SOFTIRQ,
        RCU_MIGRATE,
        Source("include/linux/filter.h", "BPF_PROG_SK_LOOKUP_RUN_ARRAY"),
        Source("net/ipv4/inet_hashtables.c", "__inet_lookup_listener"),
        Source("net/ipv4/tcp_diag.c", "tcp_diag_find_one_icsk"),
    ),
    # In a task: the backlog of a socket, which is received with bottom halves on.
    _net(
        Kind.SK_SKB,
        TASK_AND_SOFTIRQ,
        RCU_MIGRATE,
        Source("net/core/skmsg.c", "sk_psock_verdict_recv"),
        Source("net/core/sock.c", "__release_sock"),
        _PIN_ON_CPU,
    ),
    _net(Kind.SK_MSG, TASK, RCU_MIGRATE, Source("net/core/skmsg.c", "sk_psock_msg_verdict"), _PIN_ON_CPU),
    _net(
        Kind.FLOW_DISSECTOR,
        SOFTIRQ,
        RCU_MIGRATE,
        Source("net/core/flow_dissector.c", "bpf_flow_dissect"),
        possible=TASK,
        inferred=True,
    ),
    _net(Kind.LWT, TASK_AND_SOFTIRQ, RCU_BH, Source("net/core/lwt_bpf.c", "run_lwt_bpf")),
    Row(
        Kind.NETFILTER,
        (6, 4),
        TASK_AND_SOFTIRQ,
        RCU_MIGRATE,
        Guard.NONE,
        (
            Source("net/netfilter/nf_bpf_link.c", "nf_hook_run_bpf", commits.NETFILTER),
            Source("net/ipv4/ip_output.c", "__ip_local_out"),
            _PIN_ON_CPU,
        ),
    ),
)

_ITER = "kernel/bpf/bpf_iter.c", "bpf_iter_run_prog"
_ENTER = "kernel/bpf/trampoline.c", "__bpf_prog_enter"
_CHECK = "include/linux/bpf_verifier.h", "bpf_prog_check_recur"

OTHERS = (
    Row(Kind.ITER, (5, 10), TASK, RCU_MIGRATE, Guard.NONE, (Source(*_ITER),)),
    Row(Kind.ITER, (5, 18), TASK, MIGRATE, Guard.NONE, (Source(*_ITER, commits.SLEEPABLE_ITER),), sleepable=True),
    Row(Kind.STRUCT_OPS, (5, 10), ANY_LEVEL, RCU_MIGRATE, Guard.NONE, (Source(*_ENTER),), hooked=True),
    Row(
        Kind.STRUCT_OPS,
        (5, 12),
        ANY_LEVEL,
        RCU_MIGRATE,
        Guard.PROG_ACTIVE,
        (Source(*_ENTER, commits.ACTIVE),),
        hooked=True,
        guard_torn=True,
    ),
    Row(
        Kind.STRUCT_OPS,
        (6, 1),
        ANY_LEVEL,
        RCU_MIGRATE,
        Guard.NONE,
        (Source(*_ENTER), Source(*_CHECK, commits.NO_ACTIVE_STRUCT_OPS)),
        hooked=True,
    ),
    # Programs with a private stack have prog->active. Which ones these are is up to the JIT and to the operations.
    Row(
        Kind.STRUCT_OPS,
        (6, 13),
        ANY_LEVEL,
        RCU_MIGRATE,
        Guard.NONE,
        (Source(*_ENTER), Source(*_CHECK, commits.PRIVATE_STACK)),
        hooked=True,
        inferred=True,
    ),
    Row(
        Kind.STRUCT_OPS,
        (6, 3),
        TASK,
        MIGRATE,
        Guard.NONE,
        (Source("kernel/bpf/trampoline.c", "__bpf_prog_enter_sleepable", commits.SLEEPABLE_STRUCT_OPS),),
        sleepable=True,
    ),
    Row(
        Kind.SYSCALL,
        (5, 14),
        TASK,
        MIGRATE,
        Guard.NONE,
        (Source("net/bpf/test_run.c", "bpf_prog_test_run_syscall", commits.SYSCALL_PROGRAMS), _PIN_ON_CPU),
        sleepable=True,
    ),
    Row(
        Kind.TIMER,
        (5, 15),
        SOFTIRQ,
        BH,
        Guard.NONE,
        (
            Source("kernel/bpf/helpers.c", "bpf_timer_cb", commits.TIMERS),
            Source("kernel/time/hrtimer.c", "hrtimer_run_softirq"),
        ),
    ),
    Row(
        Kind.WORKQUEUE,
        (6, 10),
        TASK,
        MIGRATE,
        Guard.NONE,
        (Source("kernel/bpf/helpers.c", "bpf_wq_work", commits.WORKQUEUES),),
        sleepable=True,
    ),
    Row(
        Kind.TASK_WORK,
        (6, 18),
        TASK,
        MIGRATE,
        Guard.NONE,
        (Source("kernel/bpf/helpers.c", "bpf_task_work_callback", commits.TASK_WORK),),
        sleepable=True,
    ),
)
