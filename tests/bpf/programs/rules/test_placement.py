"""Rows of the table under kernels, worked through by hand from the kernel's sources."""

import pytest

from ctxrace.bpf.programs.rules import Kernel, Placement, placement
from ctxrace.bpf.programs.rules.kinds import Kind
from ctxrace.bpf.programs.rules.placement import ROWS, Certainty
from ctxrace.bpf.programs.rules.row import Guard
from ctxrace.core.errors import ScenarioError
from ctxrace.kernel.rules.contexts import Level
from ctxrace.kernel.rules.preemption import Preemption

VERSIONS = ((5, 10), (5, 15), (6, 1), (6, 6), (6, 12), (6, 18), (7, 0), (7, 2), (7, 3))


def full(version: tuple[int, int]) -> Kernel:
    return Kernel(version, Preemption.FULL, preemptible_rcu=True)


def lazy(version: tuple[int, int]) -> Kernel:
    """Lazy without preemptible RCU, as Debian's arm64 kernels."""
    return Kernel(version, Preemption.LAZY, preemptible_rcu=False)


def where(section: str, test: str) -> list[tuple[int, int]]:
    """The versions, booted with preempt=full, whose placement has the attribute `test`."""
    return [version for version in VERSIONS if getattr(placement(section, full(version)), test)]


def guards(section: str) -> list[Guard]:
    return [placement(section, full(version)).guard for version in VERSIONS]


NONE, PROG, GLOBAL = Guard.NONE, Guard.PROG_ACTIVE, Guard.BPF_PROG_ACTIVE


@pytest.mark.parametrize(
    ("section", "versions"),
    [
        # rcu_read_lock() and migrate_disable(), which is preempt_disable() in 5.10
        ("fentry/f", VERSIONS[1:]),
        ("lsm/file_open", VERSIONS[1:]),
        ("cgroup_skb/egress", VERSIONS[1:]),
        ("iter/task", VERSIONS[1:]),
        # rcu_read_lock_trace() alone in 5.10, with migrate_disable() later
        ("fentry.s/f", VERSIONS),
        # preempt_disable_notrace() around every tracepoint until SRCU replaced it
        ("tp_btf/sched_process_exec", ((7, 0), (7, 2), (7, 3))),
        # still around the probes of system calls, until they could sleep
        ("tp_btf/sys_enter", ((7, 2), (7, 3))),
        ("tp/syscalls/sys_enter_read", ((7, 2), (7, 3))),
        ("tp/raw_syscalls/sys_enter", ()),
        ("tp/sched/sched_process_exec", ()),
        ("kprobe/f", ()),
        ("perf_event", ()),
        # preempt_disable() in __uprobe_perf_func() until uprobes could sleep
        ("uprobe//bin/true:main", VERSIONS[2:]),
        ("xdp", ()),
        ("tc", ()),
        ("timer", ()),
        ("tp_btf/sched_switch", ()),  # interrupts are off
    ],
)
def test_preemptible(section: str, versions: tuple[tuple[int, int], ...]) -> None:
    if section == "timer":  # since 5.15
        assert not any(placement(section, full(version)).preemptible for version in VERSIONS[1:])
    else:
        assert where(section, "preemptible") == list(versions)


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ("fentry/f", [NONE] + 8 * [PROG]),
        ("fentry.s/f", [NONE] + 8 * [PROG]),
        ("lsm/file_open", [NONE, PROG] + 7 * [NONE]),
        ("tp_btf/sched_switch", 2 * [NONE] + 7 * [PROG]),
        ("tp_btf/sys_exit", 2 * [NONE] + 7 * [PROG]),
        ("tp/sched/sched_switch", 9 * [GLOBAL]),
        ("tp/syscalls/sys_exit_read", 7 * [GLOBAL] + 2 * [PROG]),
        ("kprobe/f", 9 * [GLOBAL]),
        ("uprobe//bin/true:main", 2 * [GLOBAL] + 7 * [NONE]),
        ("perf_event", 9 * [GLOBAL]),
        ("cgroup_skb/egress", 9 * [NONE]),
        ("struct_ops/f", [NONE, PROG] + 7 * [NONE]),
        ("iter/task", 9 * [NONE]),
    ],
)
def test_guard(section: str, expected: list[Guard]) -> None:
    assert guards(section) == expected


@pytest.mark.parametrize(
    ("section", "preemptible", "guard_preemptible"),
    [
        ("fentry/f", False, False),
        ("tp_btf/sched_process_exec", False, False),
        ("tp_btf/sys_exit", False, False),  # rcu_read_lock_dont_migrate() comes before the guard
        ("tp/syscalls/sys_exit_read", False, True),  # and here after
        ("tp_btf.s/sys_exit", True, True),
        ("tp.s/syscalls/sys_exit_read", True, True),
        ("fentry.s/f", True, True),
        ("cgroup_skb/egress", False, False),
        ("uprobe//bin/true:main", False, False),
        ("uprobe.s//bin/true:main", True, True),
        ("syscall", True, True),
        ("wq", True, True),
        ("task_work", True, True),
    ],
)
def test_without_preemptible_rcu(section: str, preemptible: bool, guard_preemptible: bool) -> None:
    """7.2, lazy: rcu_read_lock() is preempt_disable() there."""
    found = placement(section, lazy((7, 2)))
    assert (found.preemptible, found.guard_preemptible) == (preemptible, guard_preemptible)


@pytest.mark.parametrize("model", [Preemption.NONE, Preemption.VOLUNTARY])
@pytest.mark.parametrize("preemptible_rcu", [True, False])
@pytest.mark.parametrize("section", ["fentry/f", "fentry.s/f", "cgroup_skb/egress", "syscall", "raw_tp/sys_enter"])
def test_nothing_is_preemptible_without_preemption(section: str, model: Preemption, preemptible_rcu: bool) -> None:
    found = placement(section, Kernel((6, 12), model, preemptible_rcu))
    assert (found.preemptible, found.guard_preemptible) == (False, False)


def test_rt_leaves_preemption_on_where_bottom_halves_are_off() -> None:
    rt = Kernel((6, 12), Preemption.RT, preemptible_rcu=True)
    for section in ("xdp", "tc", "timer", "fentry/f", "cgroup_skb/ingress"):
        assert placement(section, rt).preemptible
    for section in ("tp_btf/sched_process_exec", "kprobe/f", "tp_btf/sched_switch"):
        assert not placement(section, rt).preemptible


def test_spinlock_turns_nothing_off_on_rt() -> None:
    """get_signal() holds siglock, a spinlock_t. The scheduler's locks are raw."""
    rt, plain = Kernel((7, 2), Preemption.RT, preemptible_rcu=True), full((7, 2))
    assert placement("tp_btf/signal_deliver", rt).preemptible
    assert not placement("tp_btf/signal_deliver", rt).interrupts_off
    assert not placement("tp_btf/signal_deliver", plain).preemptible
    assert placement("tp_btf/signal_deliver", plain).interrupts_off
    assert placement("tp_btf/sched_switch", rt).interrupts_off


TASK, SOFTIRQ, HARDIRQ, NMI = Level


@pytest.mark.parametrize(
    ("section", "contexts", "possible", "certainty"),
    [
        ("fentry/f", (TASK,), (SOFTIRQ, HARDIRQ, NMI), Certainty.ASSUMED),
        ("fentry.s/f", (TASK,), (), Certainty.KNOWN),  # might_fault() in its trampoline
        ("fentry/__x64_sys_read", (TASK,), (), Certainty.KNOWN),
        ("fexit/tcp_sendmsg", (TASK,), (), Certainty.KNOWN),  # lock_sock()
        ("tp/a/tcp_sendmsg", (TASK,), (SOFTIRQ, HARDIRQ, NMI), Certainty.ASSUMED),  # no function
        ("ksyscall/read", (TASK,), (), Certainty.KNOWN),
        ("kprobe/vfs_read", (TASK,), (SOFTIRQ, HARDIRQ, NMI), Certainty.ASSUMED),
        ("tp_btf/sched_process_exec", (TASK,), (), Certainty.KNOWN),
        ("tp/sched/sched_process_exec", (TASK,), (), Certainty.KNOWN),
        ("tp_btf/sched_process_free", (TASK, SOFTIRQ), (), Certainty.KNOWN),
        ("tp_btf/irq_handler_entry", (HARDIRQ, NMI), (), Certainty.KNOWN),
        ("tp_btf/kmalloc", (TASK,), (SOFTIRQ, HARDIRQ, NMI), Certainty.ASSUMED),
        ("raw_tp", (TASK,), (SOFTIRQ, HARDIRQ, NMI), Certainty.ASSUMED),
        ("lsm/file_open", (TASK,), (), Certainty.KNOWN),
        ("lsm/socket_sock_rcv_skb", (TASK,), (SOFTIRQ, HARDIRQ, NMI), Certainty.ASSUMED),
        ("perf_event", (HARDIRQ, NMI), (TASK, SOFTIRQ), Certainty.KNOWN),
        ("xdp", (TASK, SOFTIRQ), (), Certainty.KNOWN),
        ("cgroup_skb/egress", (TASK, SOFTIRQ), (), Certainty.KNOWN),
        ("cgroup/connect4", (TASK,), (), Certainty.KNOWN),
        ("timer", (SOFTIRQ,), (), Certainty.KNOWN),
        ("wq", (TASK,), (), Certainty.KNOWN),
        ("struct_ops/cong_avoid", (TASK,), (SOFTIRQ, HARDIRQ, NMI), Certainty.ASSUMED),
    ],
)
def test_contexts(section: str, contexts: tuple[Level, ...], possible: tuple[Level, ...], certainty: Certainty) -> None:
    found = placement(section, full((7, 2)))
    assert (found.contexts, found.possible, found.certainty) == (contexts, possible, certainty)


def test_functions_are_no_tracepoints() -> None:
    """A function that is called like a tracepoint is not known to run where the tracepoint does."""
    assert placement("fentry/sched_switch", full((7, 2))).certainty is Certainty.ASSUMED
    assert placement("lsm/sched_switch", full((7, 2))).certainty is Certainty.ASSUMED


def test_context_that_the_user_knows() -> None:
    found = placement("fentry/tcp_v4_rcv", full((7, 2)), context=Level.SOFTIRQ)
    assert (found.contexts, found.possible, found.certainty) == ((Level.SOFTIRQ,), (), Certainty.KNOWN)
    assert placement("perf_event", full((7, 2)), context=Level.TASK).contexts == (Level.TASK,)
    with pytest.raises(ScenarioError, match="never run in context softirq: only in task"):
        placement("uprobe//bin/true:main", full((7, 2)), context=Level.SOFTIRQ)
    with pytest.raises(ScenarioError, match="never run in context nmi: only in task, softirq"):
        placement("xdp", full((7, 2)), context=Level.NMI)


def test_hook_that_the_user_knows() -> None:
    assert placement("raw_tp", full((7, 2)), attach="sched_switch").interrupts_off
    assert placement("tp", full((7, 2)), attach="syscalls/sys_exit_read").guard is Guard.PROG_ACTIVE


def test_tracepoint_without_a_name_is_refused_where_it_matters() -> None:
    assert placement("tp", full((7, 0))).guard is Guard.BPF_PROG_ACTIVE
    with pytest.raises(ScenarioError, match="names no tracepoint"):
        placement("tp", full((7, 2)))


@pytest.mark.parametrize(
    ("section", "last_without"),
    [
        ("kprobe.multi/f", (5, 15)),
        ("uprobe.multi//bin/a:f", (6, 1)),
        ("uprobe.s//bin/a:f", (5, 15)),
        ("lsm_cgroup/socket_bind", (5, 15)),
        ("netfilter", (6, 1)),
        ("timer", (5, 10)),
        ("wq", (6, 6)),
        ("task_work", (6, 12)),
        ("syscall", (5, 10)),
        ("tp_btf.s/sys_enter", (7, 0)),
        ("tp.s/syscalls/sys_enter_read", (7, 0)),
        ("iter.s/task", (5, 15)),
    ],
)
def test_program_types_that_came_later(section: str, last_without: tuple[int, int]) -> None:
    with pytest.raises(ScenarioError, match=r"has no (sleepable )?programs of section"):
        placement(section, full(last_without))
    following = VERSIONS[VERSIONS.index(last_without) + 1]
    assert placement(section, full(following)).contexts


def test_messages_repeat_no_more_than_a_name() -> None:
    """The name comes from the object, and may be anything."""
    section = "netfilter/\x1b[2J" + "x" * 5000
    for kernel, context in ((full((5, 10)), None), (full((7, 2)), Level.NMI)):
        with pytest.raises(ScenarioError) as refused:
            placement(section, kernel, context=context)
        assert "\x1b" not in str(refused.value)
        assert len(str(refused.value)) < 300


def test_what_nobody_read_is_marked() -> None:
    assert placement("sk_reuseport", full((7, 2))).inferred
    assert placement("struct_ops/f", full((6, 18))).inferred
    assert not placement("struct_ops/f", full((6, 12))).inferred
    assert not placement("fentry/f", full((7, 3))).inferred
    assert placement("fentry/f", full((7, 4))).inferred  # newer than the sources


# The table itself


def test_every_kind_has_rows_and_every_row_sources() -> None:
    assert {row.kind for row in ROWS} == set(Kind)
    assert all(row.sources for row in ROWS)
    assert len(ROWS) == 62


def test_no_two_rows_say_different_things() -> None:
    keys = [(row.kind, row.sleepable, row.hook, row.since) for row in ROWS]
    assert len(set(keys)) == len(keys)


def test_commit_is_not_newer_than_its_row() -> None:
    """Stable 6.1 has `NO_ACTIVE_LSM`; every other commit is cited by rows that begin with its release or later."""
    for row in ROWS:
        for source in row.sources:
            if source.commit is not None and (row.kind, row.since) != (Kind.LSM, (6, 1)):
                release = tuple(map(int, source.commit.version.split(".")))
                assert release <= row.since, (row, source)


def test_sleepable_programs_run_in_tasks_alone() -> None:
    assert all(row.levels == (Level.TASK,) for row in ROWS if row.sleepable)


def test_sources_of_a_hook_are_cited() -> None:
    found: Placement = placement("tp_btf/sched_switch", full((7, 2)))
    assert [source.function for source in found.sources] == ["__DECLARE_TRACE", "__bpf_trace_run", "__schedule"]
