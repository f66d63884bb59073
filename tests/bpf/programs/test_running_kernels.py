"""What running kernels showed, two programs on one buffer at a time, which the verdicts must match.

Seen with two round-robin tasks on a CPU under QEMU, single-stepped: `True` where events were mixed.
"""

import pytest

from ctxrace.bpf.programs.rules import Kernel, meeting

from .compiled import compiled
from .verdicts import broken, kernel, placed

AMD64_FULL = kernel("7.2", "full")
AMD64_LAZY = kernel("7.2", "lazy")
ARM64_LAZY = kernel("7.2", "lazy", rcu=False)
OLD_FULL = kernel("6.12", "full")
OLD_AMD64 = kernel("6.12", "voluntary")
OLD_ARM64 = kernel("6.12", "voluntary", rcu=False)
EXEC, EXIT = "sched_process_exec", "sched_process_exit"
CALLS = "__x64_sys_getpid", "__x64_sys_getppid"


def pair(first: str, second: str, *flags: str) -> tuple[str, ...]:
    return f'-DFIRST="{first}"', f'-DSECOND="{second}"', *flags


RAW = pair(f"raw_tp/{EXEC}", f"raw_tp/{EXIT}")
BTF = pair(f"tp_btf/{EXEC}", f"tp_btf/{EXIT}")
SLEEPABLE_RAW = pair(f"tp_btf.s/{EXEC}", f"tp_btf.s/{EXIT}")
FENTRY = pair(f"fentry/{CALLS[0]}", f"fentry/{CALLS[1]}")
SLEEPABLE_FENTRY = pair(f"fentry.s/{CALLS[0]}", f"fentry.s/{CALLS[1]}")
KPROBES = pair(f"kprobe/{CALLS[0]}", f"kprobe/{CALLS[1]}")
RAW_KPROBE = pair(f"raw_tp/{EXEC}", f"kprobe/{CALLS[1]}")


@pytest.mark.parametrize(
    ("flags", "under", "mixed"),
    [
        (RAW, AMD64_FULL, True),
        (RAW, AMD64_LAZY, True),
        (BTF, AMD64_FULL, True),
        (BTF, AMD64_LAZY, True),
        (RAW, ARM64_LAZY, False),
        (RAW, OLD_FULL, False),
        (RAW, OLD_ARM64, False),
        (SLEEPABLE_RAW, ARM64_LAZY, True),
        (FENTRY, AMD64_FULL, True),
        (FENTRY, OLD_FULL, True),
        (FENTRY, ARM64_LAZY, False),
        (FENTRY, OLD_AMD64, False),
        (SLEEPABLE_FENTRY, ARM64_LAZY, True),
        (pair(f"raw_tp/{EXEC}", f"raw_tp/{EXIT}", "-DPREEMPT_OFF"), AMD64_LAZY, False),
        (pair(f"raw_tp/{EXEC}", f"raw_tp/{EXIT}", "-DPREEMPT_OFF"), ARM64_LAZY, False),
        (KPROBES, AMD64_LAZY, False),
        (KPROBES, ARM64_LAZY, False),
        (KPROBES, OLD_FULL, False),
        (KPROBES, OLD_ARM64, False),
        (RAW_KPROBE, AMD64_LAZY, True),
    ],
)
def test_two_programs_on_one_buffer(flags: tuple[str, ...], under: Kernel, mixed: bool) -> None:
    found = broken(compiled("guards", *flags), "first", "second", under)
    assert found == ({"unmixed buffers"} if mixed else set())


@pytest.mark.parametrize("under", [ARM64_LAZY, OLD_ARM64], ids=["7.2", "6.12"])
@pytest.mark.parametrize("flags", [(), ("-DPREEMPT_OFF",)], ids=["plain", "bpf_preempt_disable"])
def test_a_packet_in_a_task_under_one_in_its_softirq(flags: tuple[str, ...], under: Kernel) -> None:
    assert broken(compiled("guards", *flags), "packet", "packet", under) == {"unmixed buffers"}


@pytest.mark.parametrize(("under", "missed"), [(AMD64_LAZY, True), (OLD_FULL, False)], ids=["7.2", "6.12"])
def test_events_are_missed(under: Kernel, missed: bool) -> None:
    """One program for all tasks: on 7.2 it lost a third of its events to itself, on 6.12 none."""
    _, programs = placed(compiled("guards", "-DPREEMPT_OFF"), under)
    where = programs["first"].placement
    assert bool(meeting(where, where, same_program=True).missed) == missed
