"""The rules once more from the preempt count, by the model that executes the kernel's code.

Every row, kernel and pair of levels: what the program's surroundings add to the preempt count decides, by
`ctxrace.kernel.rules`, whether a context may arrive or a task may be switched in. `meeting()` must say the same.
"""

import itertools
from collections.abc import Iterator

import pytest

from ctxrace.bpf.programs.rules import Kernel, Placement, placement
from ctxrace.bpf.programs.rules.hooks import TRACEPOINTS, known_hook
from ctxrace.bpf.programs.rules.kinds import Kind
from ctxrace.bpf.programs.rules.meeting import How, meeting
from ctxrace.bpf.programs.rules.placement import ROWS
from ctxrace.bpf.programs.rules.row import Guard, Hold, Row
from ctxrace.core.errors import ScenarioError
from ctxrace.kernel.rules.contexts import ACCOUNTING, Level, may_arrive, starts_masked
from ctxrace.kernel.rules.preemption import Preemption, may_be_preempted

SOFTIRQ_DISABLE_OFFSET = 0x200

SECTIONS = {
    Kind.TRAMPOLINE: ("fentry/f", "fentry.s/f"),
    Kind.LSM: ("lsm/file_open", "lsm/task_free", "lsm.s/file_open"),
    Kind.LSM_CGROUP: ("lsm_cgroup/socket_bind",),
    Kind.RAW_TRACEPOINT: ("raw_tp/f", "raw_tp.s/f", *(f"tp_btf/{name}" for name in TRACEPOINTS if "sys_" not in name)),
    Kind.RAW_SYSCALL_TRACEPOINT: ("tp_btf/sys_exit", "tp_btf.s/sys_exit"),
    Kind.TRACEPOINT: ("tp/a/f", *(f"tp/a/{name}" for name in TRACEPOINTS)),
    Kind.SYSCALL_TRACEPOINT: ("tp/syscalls/f", "tp.s/syscalls/f"),
    Kind.KPROBE: ("kprobe/f", "ksyscall/read"),
    Kind.KPROBE_MULTI: ("kprobe.multi/f",),
    Kind.UPROBE: ("uprobe/f", "uprobe.s/f"),
    Kind.UPROBE_MULTI: ("uprobe.multi/f", "uprobe.multi.s/f"),
    Kind.PERF_EVENT: ("perf_event",),
    Kind.XDP: ("xdp",),
    Kind.TC: ("tc",),
    Kind.CGROUP_SKB: ("cgroup_skb/egress", "cgroup_skb/ingress"),
    Kind.CGROUP_SOCK: ("cgroup/connect4",),
    Kind.CGROUP_SOCKOPT: ("cgroup/setsockopt",),
    Kind.CGROUP_SYSCTL: ("cgroup/dev",),
    Kind.SOCK_OPS: ("sockops",),
    Kind.SOCKET_FILTER: ("socket",),
    Kind.SK_REUSEPORT: ("sk_reuseport",),
    Kind.SK_LOOKUP: ("sk_lookup",),
    Kind.SK_SKB: ("sk_skb",),
    Kind.SK_MSG: ("sk_msg",),
    Kind.FLOW_DISSECTOR: ("flow_dissector",),
    Kind.LWT: ("lwt_in",),
    Kind.NETFILTER: ("netfilter",),
    Kind.ITER: ("iter/task", "iter.s/task"),
    Kind.STRUCT_OPS: ("struct_ops/f", "struct_ops.s/f"),
    Kind.SYSCALL: ("syscall",),
    Kind.TIMER: ("timer",),
    Kind.WORKQUEUE: ("wq",),
    Kind.TASK_WORK: ("task_work",),
}

KERNELS = [
    Kernel(version, model, rcu)
    for version in ((5, 10), (5, 11), (5, 15), (6, 1), (6, 6), (6, 12), (6, 13), (6, 18), (7, 0), (7, 2))
    for model, rcu in (
        (Preemption.NONE, False),
        (Preemption.VOLUNTARY, True),
        (Preemption.FULL, True),
        (Preemption.LAZY, False),
        (Preemption.LAZY, True),
    )
    if model is not Preemption.LAZY or version >= (6, 13)
]


def programs(kernel: Kernel) -> Iterator[Placement]:
    for section in itertools.chain.from_iterable(SECTIONS.values()):
        try:
            yield placement(section, kernel)
        except ScenarioError:  # the kernel does not have them yet
            continue


def row_of(program: Placement) -> Row:
    section, version = program.section, program.kernel.version
    fitting = [row for row in ROWS if (row.kind, row.sleepable) == (section.kind, section.sleepable)]
    hook = section.hook if any(row.hook == section.hook for row in fitting) else ""
    return max((row for row in fitting if row.hook == hook and row.since <= version), key=lambda row: row.since)


def state(program: Placement, level: Level, holds: frozenset[Hold]) -> tuple[int, bool]:
    """The preempt count, and whether interrupts are on, while the program runs at `level` with `holds` held."""
    kernel = program.kernel
    count = ACCOUNTING.get(level, 0)
    count += Hold.PREEMPT_DISABLE in holds
    count += Hold.RCU_READ_LOCK in holds and not kernel.preemptible_rcu
    count += Hold.MIGRATE_DISABLE in holds and kernel.version < (5, 11)
    count += SOFTIRQ_DISABLE_OFFSET * (Hold.LOCAL_BH_DISABLE in holds)
    hook = known_hook(program.section) if row_of(program).hooked else None
    if hook is not None:
        count += hook.preemption_off + SOFTIRQ_DISABLE_OFFSET * hook.bottom_halves_off
    return count, not (starts_masked(level) or (hook is not None and hook.interrupts_off))


def arrives(first: Placement, over: Level, by: Level, holds: frozenset[Hold]) -> How:
    """How a context at level `by` gets the CPU, by the preempt count."""
    count, interrupts_on = state(first, over, holds)
    if by is not Level.TASK:
        possible = may_arrive(by, over, interrupts_on=interrupts_on or by is Level.NMI, preempt_count=count)
        return How.INTERRUPTS if possible else How.NEVER
    if over is not Level.TASK:
        return How.NEVER
    if may_be_preempted(first.kernel.preemption, interrupts_on=interrupts_on, preempt_count=count):
        return How.PREEMPTS
    return How.AFTER_SLEEP if first.sleepable else How.NEVER


def name(kernel: Kernel) -> str:
    return f"{kernel.version[0]}.{kernel.version[1]}-{kernel.preemption}-rcu{'+' if kernel.preemptible_rcu else '-'}"


@pytest.mark.parametrize("kernel", KERNELS, ids=name)
def test_meeting_is_what_the_preempt_count_says(kernel: Kernel) -> None:
    compared = 0
    others = [placement("fentry/g", kernel, context=level) for level in Level]
    for first in programs(kernel):
        row = row_of(first)
        for second in others:
            for encounter in meeting(first, second, same_program=False).encounters:
                assert encounter.how is arrives(first, encounter.over, encounter.by, row.holds), (first, encounter)
                compared += 1
        guarded = row.holds if row.guard_holds is None else row.guard_holds
        same = meeting(first, first, same_program=True)
        for encounter in same.encounters:
            held = row.holds if same.guard is Guard.NONE else guarded
            assert encounter.how is arrives(first, encounter.over, encounter.by, held), (first, encounter)
    assert compared >= 480


def test_every_kind_is_compared() -> None:
    assert set(SECTIONS) == set(Kind)
