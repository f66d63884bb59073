"""Ctrl-C of verbs with many cases: each has its row or cell, none is proved that was not, and nobody is left behind."""

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

LONG = ["bpf", "--guard", "generic-llsc", "--tasks", "30", "--max-states", "1000000000", "--engine", "reference"]


def interrupted(words: list[str], *, group: bool, seconds: float = 3) -> tuple[int, str, str]:
    """Run a command line, press Ctrl-C, and return its exit status, output and errors; fail if a process remains.

    group: whether all its processes get the signal, as from a terminal, or the first alone. seconds: of CPU time, of
    all of them, after which the searches run, or have ended if the machine is fast.
    """
    with subprocess.Popen(
        [sys.executable, "-m", "ctxrace", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background ignores it
    ) as process:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and process.poll() is None and sum(session(process.pid)) < seconds:
            time.sleep(0.05)
        with suppress(ProcessLookupError):  # it has ended
            (os.killpg if group else os.kill)(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert session(process.pid) == []
    return process.returncode, out, err


def session(leader: int) -> list[float]:
    """The CPU seconds of each process that belongs to the session."""
    seconds = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = file.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended
        if int(fields[3]) == leader and fields[0] != "Z":
            seconds.append((int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"))
    return seconds


DROPPED = """
import os, signal, sys, time, weakref
from ctxrace.cli import main

class Lock:
    pass

def press(_):
    times.append(1)
    os.kill(os.getpid(), signal.SIGINT)
    for _ in range(1000):
        pass

def verb(words):
    for _ in range(int(sys.argv[1])):
        lock = Lock()
        watched = weakref.ref(lock, press)
        del lock
    print(len(times), flush=True)
    time.sleep(60)
    print("not interrupted", flush=True)
    return 0

times = []
main._run = verb
main.main(["check"])
"""


@pytest.mark.parametrize("times", ["1", "3"])
def test_no_interrupt_is_lost_in_a_callback(times: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", DROPPED, times],
        capture_output=True,
        text=True,
        check=False,
        timeout=55,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert (done.returncode, done.stderr) == (130, "ctxrace: interrupted\n")
    assert "not interrupted" not in done.stdout


def not_begun(text: str, wanted: int) -> int:
    """How many of the cases a report says were not begun."""
    told = re.search(r"incomplete: interrupted before (\d+) of (\d+)\s+cases", text)
    assert told is None or int(told[2]) == wanted
    return int(told[1]) if told else 0


@pytest.mark.parametrize("group", [True, False], ids=["group", "parent"])
def test_a_search_that_ends_early_proves_nothing(group: bool) -> None:
    status, out, err = interrupted([*LONG, "--jobs", "2"], group=group)
    assert (status, err) == (3, "")
    rows = dict(re.findall(r"^  generic-llsc +(none|full) +(.*)$", out, re.MULTILINE))
    assert rows.get("full", "incomplete").split()[0] == "incomplete"
    assert len(rows) + not_begun(out, 2) == 2
    first = out.splitlines()[0]
    assert "incomplete of " in first or "not begun" in first
    assert not first.startswith("all")
    assert "incomplete: interrupted" in out


def test_json_lacks_what_was_not_begun_and_says_so() -> None:
    status, out, err = interrupted([*LONG, "--jobs", "2", "--json"], group=True)
    assert status == 3
    found = re.findall(r'"preemption": "(\w+)",.*?"verdict": "(\w+)"', out, re.DOTALL)
    assert ("full", "holds") not in found
    assert len({model for model, _ in found}) + not_begun(err, 2) == 2
    assert err == "" or err.startswith("incomplete: interrupted before ")


@pytest.mark.parametrize("jobs", [["--jobs", "1"], ["--jobs", "2"]], ids=["1", "2"])
def test_every_model_has_its_cell(jobs: list[str]) -> None:
    status, out, err = interrupted(["bpf", "models", *jobs], group=True)
    assert err == ""
    head = " ".join(out.partition("\n\n")[0].split())
    numbers = {word: int(number) for number, word in re.findall(r"(\d+) (holds|violated|incomplete)", head)}
    assert sum(numbers.values()) == 177
    assert status == (1 if "violated" in numbers else 3 if "incomplete" in numbers else 0)
    assert not_begun(out, 177) <= numbers.get("incomplete", 0)
    cells = re.findall(r" (holds|incomplete|[EBRP]+ \d+)(?= |$)", out.partition("\n\n")[2], re.MULTILINE)
    assert len(cells) == 177
    assert cells.count("incomplete") == numbers.get("incomplete", 0)
    assert max(map(len, out.splitlines())) <= 100


@pytest.mark.parametrize("jobs", [["--jobs", "1"], ["--jobs", "2"]], ids=["1", "2"])
def test_every_fact_has_its_verdict(jobs: list[str]) -> None:
    status, out, err = interrupted(["bpf", "claims", *jobs], group=True, seconds=2)
    assert err == ""
    first = out.splitlines()[0]
    assert first.startswith("13 statements, 38 facts: ")
    assert "not as expected" not in first
    told = re.search(r"(\d+) incomplete, marked \?\?", first)
    assert status == (3 if told else 0)
    assert len(re.findall(r"^\?\?\S", out, re.MULTILINE)) == (int(told[1]) if told else 0)
    assert len(re.findall(r"^    \$ ctxrace ", out, re.MULTILINE)) == 38


def test_the_guards_and_the_whole_system() -> None:
    status, out, err = interrupted(["bpf"], group=True, seconds=2)
    assert err == ""
    assert status in (1, 3)
    # A row for each case, or several where the columns do not fit beside one another.
    rows = set(re.findall(r"^  ([\w-]+ +(?:none|full)) +(?:holds|incomplete|VIOLATED)", out, re.MULTILINE))
    (grid,) = re.findall(r"^the whole system, .*: (.*)$", out, re.MULTILINE)
    assert sum(int(number) for number in re.findall(r"\d+", grid)) == 78
    begun = 14 - len(rows)
    assert begun <= not_begun(out, 92) <= begun + 78
