"""How the kernel runs network, cgroup and socket programs, iterators, struct_ops, and callbacks.

Read in the same sources as `tracing`.
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


def _net(kind: Kind, levels: tuple[Level, ...], holds: frozenset[Hold], *sources: Source, **more: bool | str) -> Row:
    """A row without a guard, the same in all kernels that were read."""
    hook, inferred = str(more.get("hook", "")), bool(more.get("inferred", False))
    return Row(kind, (5, 10), levels, holds, Guard.NONE, sources, hook=hook, inferred=inferred)


NETWORK = (
    _net(
        Kind.XDP,
        TASK_AND_SOFTIRQ,
        RCU_BH,
        Source("include/linux/filter.h", "bpf_prog_run_xdp"),
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
        _RUN_CGROUP,
        Source("net/ipv4/ip_output.c", "ip_finish_output"),
        Source("kernel/bpf/cgroup.c", "__cgroup_bpf_run_filter_skb"),
    ),
    _net(Kind.CGROUP_SOCK, TASK, RCU_MIGRATE, _RUN_CGROUP),
    _net(Kind.CGROUP_SOCKOPT, TASK, RCU_MIGRATE, _RUN_CGROUP),
    _net(Kind.CGROUP_SYSCTL, TASK, RCU_MIGRATE, _RUN_CGROUP),
    _net(Kind.SOCK_OPS, TASK_AND_SOFTIRQ, RCU_MIGRATE, _RUN_CGROUP, Source("include/net/tcp.h", "tcp_call_bpf")),
    _net(
        Kind.SOCKET_FILTER,
        TASK_AND_SOFTIRQ,
        RCU_MIGRATE,
        Source("net/core/filter.c", "sk_filter_trim_cap"),
        _RUN_FILTER,
    ),
    _net(Kind.SK_REUSEPORT, TASK_AND_SOFTIRQ, RCU_MIGRATE, _RUN_FILTER, inferred=True),
    _net(
        Kind.SK_LOOKUP,
        TASK_AND_SOFTIRQ,
        RCU_MIGRATE,
        Source("include/linux/filter.h", "BPF_PROG_SK_LOOKUP_RUN_ARRAY"),
        inferred=True,
    ),
    _net(Kind.SK_SKB, TASK_AND_SOFTIRQ, RCU_MIGRATE, Source("net/core/skmsg.c", "sk_psock_verdict_recv"), _PIN_ON_CPU),
    _net(Kind.SK_MSG, TASK, RCU_MIGRATE, Source("net/core/skmsg.c", "sk_psock_msg_verdict"), _PIN_ON_CPU),
    _net(
        Kind.FLOW_DISSECTOR,
        TASK_AND_SOFTIRQ,
        RCU_MIGRATE,
        Source("net/core/flow_dissector.c", "bpf_flow_dissect"),
        inferred=True,
    ),
    _net(Kind.LWT, TASK_AND_SOFTIRQ, RCU_BH, Source("net/core/lwt_bpf.c", "run_lwt_bpf")),
    Row(
        Kind.NETFILTER,
        (6, 4),
        TASK_AND_SOFTIRQ,
        RCU_MIGRATE,
        Guard.NONE,
        (Source("net/netfilter/nf_bpf_link.c", "nf_hook_run_bpf"), _PIN_ON_CPU),
    ),
)

_ITER = (Source("kernel/bpf/bpf_iter.c", "bpf_iter_run_prog"),)
_ENTER = Source("kernel/bpf/trampoline.c", "__bpf_prog_enter")
_ENTER_ACTIVE = Source("kernel/bpf/trampoline.c", "__bpf_prog_enter", commits.ACTIVE)
_ENTER_SLEEPABLE_ACTIVE = Source("kernel/bpf/trampoline.c", "__bpf_prog_enter_sleepable", commits.ACTIVE)
_NO_RECURSION_CHECK = Source("include/linux/bpf_verifier.h", "bpf_prog_check_recur", commits.NO_ACTIVE_STRUCT_OPS)
_SYSCALL = (Source("net/bpf/test_run.c", "bpf_prog_test_run_syscall"), _PIN_ON_CPU)

OTHERS = (
    Row(Kind.ITER, (5, 10), TASK, RCU_MIGRATE, Guard.NONE, _ITER),
    Row(Kind.ITER, (6, 0), TASK, MIGRATE, Guard.NONE, _ITER, sleepable=True),
    Row(Kind.STRUCT_OPS, (5, 10), ANY_LEVEL, RCU_MIGRATE, Guard.NONE, (_ENTER,), hooked=True),
    Row(Kind.STRUCT_OPS, (5, 12), ANY_LEVEL, RCU_MIGRATE, Guard.PROG_ACTIVE, (_ENTER_ACTIVE,), hooked=True),
    Row(Kind.STRUCT_OPS, (6, 1), ANY_LEVEL, RCU_MIGRATE, Guard.NONE, (_ENTER, _NO_RECURSION_CHECK), hooked=True),
    Row(
        Kind.STRUCT_OPS,
        (6, 1),
        TASK,
        MIGRATE,
        Guard.NONE,
        (_ENTER_SLEEPABLE_ACTIVE, _NO_RECURSION_CHECK),
        sleepable=True,
    ),
    Row(Kind.SYSCALL, (5, 14), TASK, MIGRATE, Guard.NONE, _SYSCALL, sleepable=True),
    Row(Kind.TIMER, (5, 15), SOFTIRQ, BH, Guard.NONE, (Source("kernel/bpf/helpers.c", "bpf_timer_cb"),)),
    Row(
        Kind.WORKQUEUE,
        (6, 10),
        TASK,
        MIGRATE,
        Guard.NONE,
        (Source("kernel/bpf/helpers.c", "bpf_wq_work"),),
        sleepable=True,
    ),
)
