"""Many things in several processes: their order, what Ctrl-C leaves, and what goes wrong."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from ctxrace.core.errors import CtxraceError, ToolchainError
from ctxrace.explore.processes import Amount, Stop, each

BOTH = pytest.mark.parametrize("jobs", [1, 2])


def slower_first(item: int, stop: Stop) -> int:
    time.sleep(0.2 if item == 0 else 0)
    stop.check()
    return item * item


def presses(item: int, stop: Stop) -> int:
    stop.check()
    if item == 2:
        os.kill(os.getpid(), signal.SIGINT)
    return item


def presses_while_two_run(began: Path, item: int, stop: Stop) -> str:
    parent = multiprocessing.parent_process()
    assert parent is not None
    if item == 1:
        began.touch()
    if item == 2:
        while not began.exists():  # the other process may be slow to begin
            time.sleep(0.01)
        os.kill(parent.pid or 0, signal.SIGINT)
    try:
        while item:
            time.sleep(0.01)
            stop(1, 0.1)
    except KeyboardInterrupt:
        return "ended"
    return "decided"


def fails(item: int, stop: Stop) -> int:
    if item == 1:
        raise ToolchainError("no compiler", output="its words")
    while item > 1:  # until the failure ends it
        time.sleep(0.01)
        stop.check()
    return item


def dies(item: int, stop: Stop) -> int:
    del stop
    if item == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return item


@BOTH
def test_what_is_found_is_in_the_order_of_the_items(jobs: int) -> None:
    assert each(slower_first, range(5), jobs) == [0, 1, 4, 9, 16]
    assert each(slower_first, [], jobs) == []
    assert each(slower_first, [3], jobs) == [9]


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Let Ctrl-C interrupt, also where pytest runs in a shell's background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    assert signal.signal(signal.SIGINT, before) is signal.default_int_handler  # whatever was there meanwhile


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_keeps_what_is_found_and_begins_nothing() -> None:
    assert each(presses, range(50), 1) == [0, 1, *[None] * 48]


@pytest.mark.usefixtures("ctrl_c")
def test_ctrl_c_ends_what_runs_in_other_processes(tmp_path: Path) -> None:
    presses = partial(presses_while_two_run, tmp_path / "began")
    assert each(presses, range(50), 2) == ["decided", "ended", "ended", *[None] * 47]


def test_ctrl_c_that_is_ignored_is_ignored_here_too() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert each(presses, range(4), 1) == [0, 1, 2, 3]
    finally:
        signal.signal(signal.SIGINT, before)


@BOTH
def test_a_failure_ends_everything_and_comes_whole(jobs: int) -> None:
    with pytest.raises(ToolchainError, match="no compiler") as raised:
        each(fails, range(20), jobs)
    assert raised.value.output == "its words"


def test_a_process_that_is_killed_is_told_and_no_traceback() -> None:
    with pytest.raises(CtxraceError, match="a process that searched was killed; where memory is short, set jobs=1"):
        each(dies, range(4), 2)


def waits(item: int, stop: Stop) -> int:
    del item, stop
    os.write(1, f"{os.getpid()}\n".encode())  # at once: another process writes its line, too
    time.sleep(600)
    return 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process die with its parent")
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_processes_die_with_their_parent(how: signal.Signals) -> None:
    code = "from tests.explore.test_processes import *\neach(waits, [0, 1], 2)"
    root = Path(__file__).parent.parent.parent
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=root) as parent:
        try:
            assert parent.stdout is not None
            workers = [int(parent.stdout.readline()) for _ in range(2)]
            parent.send_signal(how)
            parent.wait(60)
        finally:
            parent.kill()
    for worker in workers:
        deadline = time.monotonic() + 60
        while alive(worker):
            assert time.monotonic() < deadline
            time.sleep(0.01)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@BOTH
def test_it_is_told_how_much_is_done(jobs: int) -> None:
    told: list[Amount] = []
    assert each(counts, [1000, 5000, 3000], jobs, told.append, [1, 2, 3]) == [1000, 5000, 3000]
    assert told[-1] == Amount(6, 6, 0, 9000 + 3 * 10)
    assert [one.done for one in told] == sorted(one.done for one in told)
    assert max(one.running for one in told) <= jobs


def counts(number: int, stop: Stop) -> int:
    """A search that tells twice, another that tells once, and states that are counted at their end."""
    stop(number - 20)
    stop(number - 10)
    stop(10)
    stop.count(10)
    return number


def test_a_search_in_this_process_is_heard_while_it_goes_on() -> None:
    told: list[Amount] = []
    each(counts, [1000], 1, told.append)
    assert told == [Amount(0, 1, 1, 980), Amount(0, 1, 1, 990), Amount(0, 1, 1, 1000), Amount(1, 1, 0, 1010)]
