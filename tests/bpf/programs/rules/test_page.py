"""docs/bpf-programs.md has the tables that the data gives, and the examples in it are what it says of them."""

import re
from pathlib import Path

import pytest

from ctxrace.bpf.programs.rules import Kernel, placement
from ctxrace.bpf.programs.rules.meeting import How, meeting
from ctxrace.kernel.rules.contexts import Level
from ctxrace.kernel.rules.preemption import Preemption

from .page import tables

PAGE = Path(__file__).parents[4] / "docs" / "bpf-programs.md"
_TABLE = re.compile(r"(?<=^```text )(?P<name>\w+)\n(?P<body>.*?)(?=^```$)", re.MULTILINE | re.DOTALL)


def with_tables(text: str) -> str:
    """The page with its tables as the data gives them now."""
    now = tables()
    return _TABLE.sub(lambda found: f"{found['name']}\n{now[found['name']]}\n", text)


def test_page_has_the_tables_of_the_data(request: pytest.FixtureRequest) -> None:
    text = PAGE.read_text(encoding="utf-8")
    if request.config.getoption("--regenerate-golden"):
        PAGE.write_text(with_tables(text), encoding="utf-8", newline="")
    else:
        assert text == with_tables(text), "if this is right: pytest tests/bpf/programs/rules --regenerate-golden"


def test_page_has_every_table_once() -> None:
    assert sorted(found["name"] for found in _TABLE.finditer(PAGE.read_text(encoding="utf-8"))) == sorted(tables())


@pytest.mark.parametrize("name", tables())
def test_lines_fit(name: str) -> None:
    assert max(map(len, tables()[name].splitlines())) <= 120


# What the page says of its examples

EXEC, EXIT, PACKET = "tp_btf/sched_process_exec", "tp_btf/sched_process_exit", "cgroup_skb/egress"


@pytest.mark.parametrize(
    ("kernel", "mixed"),
    [
        (Kernel((6, 12), Preemption.VOLUNTARY, preemptible_rcu=True), False),
        (Kernel((6, 12), Preemption.FULL, preemptible_rcu=True), False),
        (Kernel((7, 2), Preemption.LAZY, preemptible_rcu=True), True),
        (Kernel((7, 2), Preemption.LAZY, preemptible_rcu=False), False),
    ],
)
def test_scratch_buffer(kernel: Kernel, mixed: bool) -> None:
    by_task = meeting(placement(EXEC, kernel), placement(EXIT, kernel), same_program=False)
    assert bool(by_task.runs) is mixed
    by_packet = meeting(placement(EXEC, kernel), placement(PACKET, kernel), same_program=False)
    assert How.INTERRUPTS in {encounter.how for encounter in by_packet.runs}


def test_sections_are_those_of_the_page() -> None:
    sections = re.findall(r'SEC\("(\w+/\w+)"\)', PAGE.read_text(encoding="utf-8"))
    assert {EXEC, EXIT, PACKET, "fentry/tcp_sendmsg", "fentry/do_filp_open", "fexit/vfs_read"} == set(sections)


LAZY = Kernel((7, 2), Preemption.LAZY, preemptible_rcu=True)


@pytest.mark.parametrize(
    ("section", "over", "stopped"),
    [
        ("fentry/f", Level.TASK, {Level.TASK: False, Level.SOFTIRQ: False, Level.HARDIRQ: False, Level.NMI: False}),
        ("kprobe/f", Level.TASK, {Level.TASK: True, Level.SOFTIRQ: False, Level.HARDIRQ: False, Level.NMI: False}),
        ("perf_event", Level.TASK, {Level.TASK: True, Level.SOFTIRQ: False, Level.HARDIRQ: False, Level.NMI: False}),
        ("tp/sched/f", Level.TASK, {Level.TASK: True, Level.SOFTIRQ: False, Level.HARDIRQ: False, Level.NMI: False}),
        ("xdp", Level.TASK, {Level.TASK: True, Level.SOFTIRQ: True, Level.HARDIRQ: False, Level.NMI: False}),
        ("tc", Level.TASK, {Level.TASK: True, Level.SOFTIRQ: True, Level.HARDIRQ: False, Level.NMI: False}),
        ("lwt_in", Level.TASK, {Level.TASK: True, Level.SOFTIRQ: True, Level.HARDIRQ: False, Level.NMI: False}),
        ("fentry/f", Level.SOFTIRQ, {Level.TASK: True, Level.SOFTIRQ: True, Level.HARDIRQ: False, Level.NMI: False}),
        (
            "tp_btf/sched_switch",
            Level.TASK,
            {Level.TASK: True, Level.SOFTIRQ: True, Level.HARDIRQ: True, Level.NMI: False},
        ),
    ],
)
def test_who_comes_over_whom(section: str, over: Level, stopped: dict[Level, bool]) -> None:
    """The table of that name: a fentry program at each level, which shares no guard with any of these."""
    hooked = section == "tp_btf/sched_switch"
    first = placement(section, LAZY) if hooked else placement(section, LAZY, context=over)
    for level, apart in stopped.items():
        second = placement("fentry/g", LAZY, context=level)
        assert bool(meeting(first, second, same_program=False).runs) is not apart, level
