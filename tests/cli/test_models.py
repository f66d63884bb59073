"""The options that say which kernel it is: preemption model, RCU flavour, entry window, FIFO tasks."""

import json
import shlex
from pathlib import Path

import pytest

from .conftest import Run

SOURCE = """\
#include <ctxrace/kernel.h>
int x, misses;
DEFINE_PER_CPU(local_lock_t, lock);
static noinline void body(void) { WRITE_ONCE(x, 1); WRITE_ONCE(x, 0); }
void reader(void) { rcu_read_lock(); body(); rcu_read_unlock(); }
void sleeper(void) { rcu_read_lock(); schedule(); misses++; rcu_read_unlock(); }
void waits(void) { WRITE_ONCE(x, 1); schedule(); WRITE_ONCE(x, 0); }
void look(void) { if (preempt_count() & 0xff) ctxrace_check(!READ_ONCE(x)); }
void softirq(void) { body(); barrier(); }
void level(void) { ctxrace_check(interrupt_context_level() == 3); }
CTXRACE_TASKS(2, reader);
CTXRACE_STATISTIC(misses);
CTXRACE_EXCLUSIVE(body);
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "test.c"
    path.write_text(SOURCE)
    return path


def replayed(run: Run, out: str) -> str:
    """Replay the first violation of a report, compare what is told, and return the schedule."""
    told = out.partition("\nmust hold: ")[2].partition("\n\n")[2].partition("replay: ")[0]
    command = shlex.split(out.partition("replay: ")[2].partition("\n\n")[0].replace("\\\n", " "))
    assert command[:2] == ["ctxrace", "replay"]
    status, again, err = run(*command[1:])
    assert (status, err) == (1, "")
    assert again.partition("\n\n")[2] == told
    return command[command.index("--schedule") + 1].partition(":")[2]


@pytest.mark.parametrize(
    ("options", "status"),
    [
        (["--preemption", "none"], 0),
        (["--preemption", "voluntary"], 0),
        (["--preemption", "lazy"], 1),
        (["--preemption", "full"], 1),
        (["--preemption", "rt"], 1),
        (["--preemption", "lazy", "--rcu", "preemptible"], 1),
        (["--preemption", "lazy", "--rcu", "non-preemptible"], 0),  # Debian's 7.2 on arm64
        (["--fifo-tasks", "2", "--tasks", "1:look"], 0),  # no reader preempts another one
        (["--fifo-tasks", "1", "--tasks", "1:reader"], 1),
    ],
)
def test_options_choose_the_kernel(run: Run, file: Path, options: list[str], status: int) -> None:
    found, out, err = run("check", file, "--property", "exclusive", *options)
    assert (found, err) == (status, "")
    if status:
        assert replayed(run, out)


def test_sleeping_in_atomic_context_is_reported_as_the_kernel_would(run: Run, file: Path) -> None:
    words = ("check", file, "--tasks", "2:sleeper", "--balanced", "x")
    assert run(*words)[0] == 0
    status, out, _ = run(*words, "--rcu", "non-preemptible")
    assert status == 1
    assert "violated: sleep" in out.splitlines()[0]
    assert "=> BUG: scheduling while atomic: schedule() at preempt count 0x1" in out
    assert replayed(run, out) == "A:2"


def test_the_idle_task_is_part_of_a_schedule(run: Run, file: Path) -> None:
    status, out, _ = run("check", file, "--tasks", "1:waits", "--hardirq", "look", "--balanced", "x", "--preemption",
                         "none")  # fmt: skip
    assert status == 1
    assert "switch to idle: task A sleeps, in schedule()" in out
    assert replayed(run, out) == "A:1 idle:0 hardirq:1"


def test_an_arrival_before_its_accounting_is_part_of_a_schedule(run: Run, file: Path) -> None:
    words = ("check", file, "--tasks", "1:waits", "--nmi", "level", "--balanced", "x")
    assert run(*words)[0] == 0
    status, out, _ = run(*words, "--entry-window")
    assert status == 1
    assert "the preempt count does not say so" in " ".join(out.split())  # however it is wrapped
    assert replayed(run, out) == "^nmi:0"


def test_a_softirq_of_rt_is_part_of_a_schedule(run: Run, file: Path) -> None:
    words = ("check", file, "--tasks", "1:softirq", "--softirq", "softirq", "--exclusive", "body")
    status, out, _ = run(*words, "--preemption", "rt")
    assert status == 1
    schedule = replayed(run, out)
    assert any(stint.startswith("softirq@1:") for stint in schedule.split())
    status, out, _ = run(*words, "--preemption", "rt", "--json")
    assert json.loads(out)["results"][0]["interleaving"]["contexts"] == ["A", "softirq"]


BAD = {
    "unknown flavour": (["--rcu", "tiny"], "unknown flavour of RCU 'tiny' (--rcu); ctxrace has: preemptible, non-"),
    "rt has preemptible RCU": (["--preemption", "rt", "--rcu", "non-preemptible"], "PREEMPT_RT has preemptible RCU"),
    "rt with nobody to preempt": (["--preemption", "rt", "--tasks", "1"], "one task and no softirq"),
    "no such FIFO entry": (["--fifo-tasks", "1:nobody"], "no function 'nobody'"),
    "no FIFO tasks": (["--fifo-tasks", "0"], "the number of tasks is '0' (--fifo-tasks)"),
    "two numbers": (["--fifo-tasks", "1:look", "--fifo-tasks", "2:look"], "--fifo-tasks gives two numbers of tasks"),
    "compiled for rt": (["--", "-DCTXRACE_PREEMPT_RT=1"], "was compiled for PREEMPT_RT, and the preemption model is f"),
    "no tasks": (["--tasks", "0"], "the number of tasks is '0'"),
    "no CPUs": (["--cpus", "0"], "the number of CPUs is '0'"),
    "too many tasks": (["--tasks", "2000000"], "2,000,000 tasks are declared"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_kernel_that_does_not_exist_is_refused(run: Run, file: Path, name: str) -> None:
    options, told = BAD[name]
    status, out, err = run("check", file, *options)
    assert (status, out) == (2, "")
    assert told in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("CTXRACE_PREEMPTION(rt);", "was not compiled for it; pass --preemption rt, or write #define CTXRACE_PREEMPT_"),
        ("CTXRACE_STATISTIC(x); CTXRACE_BALANCED(x);", "x is declared a statistic"),
        ("CTXRACE_STATISTIC(reader);", "'reader'"),
    ],
)
def test_a_source_that_contradicts_itself_is_refused(run: Run, file: Path, line: str, told: str) -> None:
    file.write_text(SOURCE + line + "\n")
    status, _, err = run("check", file)
    assert status == 2
    assert told in err
