"""What was seen on running kernels: two programs on one scratch buffer, two round-robin tasks on a CPU.

Each row of the observations is worked through by hand. Where bytes of two events were seen mixed, the rules must let
the second program run over the first; where none were, they must keep the two apart.
"""

import pytest

from ctxrace.bpf.programs.rules import Kernel, placement
from ctxrace.bpf.programs.rules.meeting import How, Meeting, meeting
from ctxrace.bpf.programs.rules.row import Guard
from ctxrace.bpf.programs.rules.rule import Rule
from ctxrace.kernel.rules.contexts import Level
from ctxrace.kernel.rules.preemption import Preemption

AMD64_72_LAZY = Kernel.of_distribution("debian-sid-amd64")
AMD64_72_FULL = AMD64_72_LAZY.booted(Preemption.FULL)
ARM64_72 = Kernel.of_distribution("debian-sid-arm64")
AMD64_612 = Kernel.of_distribution("debian-13-amd64")
AMD64_612_FULL = AMD64_612.booted(Preemption.FULL)
ARM64_612 = Kernel.of_distribution("debian-13-arm64")
ALL = (AMD64_72_LAZY, AMD64_72_FULL, ARM64_72, AMD64_612, AMD64_612_FULL, ARM64_612)


def in_tasks(first: str, second: str, kernel: Kernel, *, same_program: bool = False) -> Meeting:
    """Two programs whose hooks are called in tasks."""
    return meeting(
        placement(first, kernel, context=Level.TASK),
        placement(second, kernel, context=Level.TASK),
        same_program=same_program,
    )


RAW = ("raw_tp/sched_process_exec", "tp_btf/sched_process_fork")


@pytest.mark.parametrize("kernel", [AMD64_72_LAZY, AMD64_72_FULL])
def test_raw_tracepoints_mix_where_rcu_is_preemptible(kernel: Kernel) -> None:
    """7.2 amd64, full or lazy: hundreds in 10 s. Only rcu_read_lock() and migrate_disable() are left around them."""
    (encounter,) = in_tasks(*RAW, kernel).encounters
    assert encounter.how is How.PREEMPTS
    assert encounter.rule is Rule.PREEMPTIBLE_TASK
    assert encounter.runs


@pytest.mark.parametrize("kernel", [ARM64_72, AMD64_612, AMD64_612_FULL, ARM64_612])
def test_raw_tracepoints_do_not_mix_elsewhere(kernel: Kernel) -> None:
    """7.2 arm64: rcu_read_lock() turns preemption off. 6.12: the tracepoint does."""
    assert in_tasks(*RAW, kernel).runs == ()


def test_sleepable_raw_tracepoints_mix_without_preemptible_rcu() -> None:
    """7.2 arm64: hundreds. They hold rcu_read_lock_trace(), which leaves preemption on."""
    assert in_tasks("tp_btf.s/sys_enter", "raw_tp.s/sys_exit", ARM64_72).runs


FENTRY = ("fentry/do_filp_open", "fexit/vfs_read")


@pytest.mark.parametrize("kernel", [AMD64_72_LAZY, AMD64_72_FULL, AMD64_612_FULL])
def test_trampolines_mix_where_rcu_is_preemptible(kernel: Kernel) -> None:
    """7.2 amd64, 6.12 amd64 full: over a thousand."""
    assert in_tasks(*FENTRY, kernel).runs


@pytest.mark.parametrize("kernel", [ARM64_72, AMD64_612, ARM64_612])
def test_trampolines_do_not_mix_elsewhere(kernel: Kernel) -> None:
    """7.2 arm64: no preemptible RCU. 6.12 at its default, voluntary: tasks are not preempted in the kernel."""
    assert in_tasks(*FENTRY, kernel).runs == ()


def test_sleepable_trampolines_mix_without_preemptible_rcu() -> None:
    """7.2 arm64: hundreds."""
    assert in_tasks("fentry.s/do_filp_open", "fexit.s/vfs_read", ARM64_72).runs


@pytest.mark.parametrize("kernel", [AMD64_72_LAZY, ARM64_72])
def test_raw_tracepoint_misses_its_own_events(kernel: Kernel) -> None:
    """7.2: with bpf_preempt_disable() none mix, yet 25-36 % are missed: the guard is taken before the program runs.

    On arm64 the programs were sleepable, or else rcu_read_lock() keeps two tasks apart.
    """
    section = "raw_tp/sys_enter" if kernel.preemptible_rcu else "raw_tp.s/sys_enter"
    found = in_tasks(section, section, kernel, same_program=True)
    assert found.guard is Guard.PROG_ACTIVE
    assert [encounter.how for encounter in found.missed] == [How.PREEMPTS]
    assert found.runs == ()


@pytest.mark.parametrize("kernel", ALL)
def test_kprobes_do_not_mix(kernel: Kernel) -> None:
    """All four: none. Preemption is off, and bpf_prog_active is one counter for all of them."""
    tasks = in_tasks("kprobe/do_filp_open", "kprobe/vfs_read", kernel)
    assert (tasks.runs, tasks.missed) == ((), ())
    interrupted = meeting(
        placement("kprobe/do_filp_open", kernel, context=Level.TASK),
        placement("kprobe/tcp_v4_rcv", kernel, context=Level.SOFTIRQ),
        same_program=False,
    )
    assert interrupted.runs == ()
    assert [encounter.rule for encounter in interrupted.missed] == [Rule.SOFTIRQ_OVER_TASK]


@pytest.mark.parametrize("kernel", [AMD64_72_LAZY, AMD64_72_FULL])
def test_kprobe_mixes_into_raw_tracepoint(kernel: Kernel) -> None:
    """7.2 amd64: hundreds. The two have different guards; only the raw tracepoint is preemptible."""
    assert in_tasks("raw_tp/sched_process_exec", "kprobe/vfs_read", kernel).runs
    assert in_tasks("kprobe/vfs_read", "raw_tp/sched_process_exec", kernel).runs == ()


@pytest.mark.parametrize("kernel", ALL)
def test_cgroup_skb_in_a_task_is_interrupted_by_its_softirq(kernel: Kernel) -> None:
    """7.2 and 6.12 arm64: tens; with bpf_preempt_disable() still, which leaves softirqs on."""
    program = placement("cgroup_skb/egress", kernel)
    found = meeting(program, program, same_program=True)
    assert found.guard is Guard.NONE
    interrupts = [encounter for encounter in found.runs if encounter.how is How.INTERRUPTS]
    assert [(encounter.over, encounter.by, encounter.rule) for encounter in interrupts] == [
        (Level.TASK, Level.SOFTIRQ, Rule.SOFTIRQ_OVER_TASK)
    ]


def test_one_sys_exit_program_loses_events_on_72_and_not_on_612() -> None:
    """7.2: one program for all tasks lost 31 to 53 % of its events. 6.12: none."""
    assert in_tasks("tp_btf/sys_exit", "tp_btf/sys_exit", AMD64_72_LAZY, same_program=True).missed
    assert in_tasks("tp_btf/sys_exit", "tp_btf/sys_exit", AMD64_612_FULL, same_program=True).missed == ()


def test_syscall_tracepoints_take_their_guard_while_preemptible() -> None:
    """7.2 arm64: no mixing without PREEMPT_RCU, yet events are lost."""
    section = "tp/syscalls/sys_exit_read"
    same = in_tasks(section, section, ARM64_72, same_program=True)
    assert same.runs == ()
    assert [encounter.how for encounter in same.missed] == [How.PREEMPTS]
    assert in_tasks(section, "tp/syscalls/sys_enter_read", ARM64_72).runs == ()
