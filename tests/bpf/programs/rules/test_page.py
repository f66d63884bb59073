"""docs/bpf-programs.md has the tables that the data gives, and the examples in it are what it says of them."""

import functools
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ctxrace.bpf.programs.rules import Kernel, placement
from ctxrace.bpf.programs.rules.meeting import How, meeting
from ctxrace.kernel.rules.contexts import Level
from ctxrace.kernel.rules.preemption import Preemption

from ..verdicts import broken, kernel
from .page import tables

PAGE = Path(__file__).parents[4] / "docs" / "bpf-programs.md"
_FILE = re.compile(r"^```c (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
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
    counter, busy = {"fentry/tcp_sendmsg"}, {"fentry/do_sys_openat2", "fexit/tcp_recvmsg"}
    assert {EXEC, EXIT, PACKET, *counter, *busy} == set(sections)


MODERN = kernel("7.2", "lazy")
WITHOUT_RCU = kernel("7.2", "lazy", rcu=False)
OLD = kernel("6.12", "full")
MIXED, LOST = "unmixed", "lost update"


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Compile an example of the page as the page says."""
    folder = tmp_path_factory.mktemp("page")
    for name, body in _FILE.findall(PAGE.read_text(encoding="utf-8")):
        (folder / name).write_text(body, encoding="utf-8")

    @functools.cache
    def compile_example(name: str, *flags: str) -> Path:
        path = folder / f"{name}{''.join(flags)}.o"
        words = [
            sys.executable,
            "-m",
            "ziglang",
            "cc",
            "-target",
            "bpfel-freestanding",
            "-O2",
            "-g",
            "-Wall",
            "-Werror",
        ]
        words += ["-Wno-unused", *flags, "-c", f"{name}.bpf.c", "-o", str(path)]
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return path

    return compile_example


@pytest.mark.parametrize(
    ("example", "flags", "pair", "under", "found"),
    [
        ("scratch", (), ("on_exec", "on_exit"), OLD, set()),
        ("scratch", (), ("on_exec", "on_exit"), MODERN, {MIXED}),
        ("scratch", (), ("on_exec", "on_exit"), WITHOUT_RCU, set()),
        ("scratch", (), ("on_exec", "on_packet"), OLD, {MIXED}),
        ("scratch", (), ("on_exec", "on_packet"), MODERN, {MIXED}),
        ("scratch", (), ("on_exec", "on_packet"), WITHOUT_RCU, {MIXED}),
        ("fixes", ("-DRESERVE",), ("on_exec", "on_exit"), MODERN, set()),
        ("fixes", ("-DRESERVE",), ("on_exec", "on_packet"), MODERN, set()),
        ("fixes", ("-DOF_TASK",), ("on_exec", "on_exit"), MODERN, set()),
        ("fixes", ("-DOF_TASK",), ("on_exec", "on_packet"), MODERN, {MIXED}),
        ("fixes", ("-DPREEMPT_OFF",), ("on_exec", "on_exit"), MODERN, set()),
        ("fixes", ("-DPREEMPT_OFF",), ("on_exec", "on_packet"), MODERN, {MIXED}),
        ("counter", (), ("on_send", "on_packet"), MODERN, {LOST}),
        ("counter", (), ("on_send", "on_packet"), WITHOUT_RCU, {LOST}),
        ("busy", (), ("on_open", "on_receive"), MODERN, {MIXED}),
        ("busy", (), ("on_open", "on_packet"), WITHOUT_RCU, {MIXED}),
        ("busy", ("-DBARRIER",), ("on_open", "on_packet"), WITHOUT_RCU, set()),
        ("busy", ("-DBARRIER",), ("on_open", "on_receive"), MODERN, {MIXED}),
        ("busy", ("-DATOMIC",), ("on_open", "on_receive"), MODERN, set()),
        ("busy", ("-DATOMIC",), ("on_open", "on_packet"), MODERN, set()),
    ],
)
def test_examples(
    compiled: Callable[..., Path],
    example: str,
    flags: tuple[str, ...],
    pair: tuple[str, str],
    under: Kernel,
    found: set[str],
) -> None:
    assert {problem.rpartition(" ")[0] for problem in broken(compiled(example, *flags), *pair, under)} == found


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
