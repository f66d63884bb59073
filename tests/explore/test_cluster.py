"""A Dask cluster: the same answers in the same order, also where a worker dies; and what is said without one."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ctxrace.cli.main import main
from ctxrace.core.errors import CtxraceError
from ctxrace.explore.cluster import each_on_cluster
from ctxrace.explore.processes import Stop

RACY = """\
#include <ctxrace/kernel.h>
DEFINE_PER_CPU(int, active);
noinline void body(void) { barrier(); }
void attempt(void) { if (__this_cpu_inc_return(active) == 1) body(); __this_cpu_dec(active); }
CTXRACE_TASKS(2, attempt);
CTXRACE_NMI(attempt);
CTXRACE_EXCLUSIVE(body);
"""
ENDLESS = (
    RACY.replace("__this_cpu", "this_cpu").replace("TASKS(2", "TASKS(60")
    + "CTXRACE_SOFTIRQ(attempt); CTXRACE_HARDIRQ(attempt);\n"
)
NUMBER = 8


def square(item: int, stop: Stop) -> int:
    stop.check()
    return item * item


def lost(item: int, why: str) -> int:
    raise AssertionError(f"{item}: {why}")


def test_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(CtxraceError, match=r"needs the extra dask; type: pip install 'ctxrace\[dask\]'"):
        each_on_cluster(square, [1], "tcp://127.0.0.1:1", lost)


@pytest.mark.slow
def test_nobody_answers() -> None:
    with pytest.raises(CtxraceError, match="no Dask scheduler answers at tcp:"):
        each_on_cluster(square, [1], "tcp://127.0.0.1:1", lost)


@pytest.fixture
def cluster() -> Iterator[Any]:
    """Two workers with a thread each, in processes that are started again when they die."""
    distributed = pytest.importorskip("distributed", reason="pip install 'ctxrace[dask]'")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as started:
        yield started


@pytest.mark.slow
def test_a_worker_that_dies_loses_nothing(
    cluster: Any,  # noqa: ANN401
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    for number in range(NUMBER):
        # The searches are long enough for a worker to be found busy, on a slow machine too.
        safe = ENDLESS + f"CTXRACE_BALANCED(active);\nCTXRACE_TASKS({number % 4 + 1}, attempt);\n"
        Path(f"{number}_race.c").write_text(RACY if number % 3 == 2 else safe)
    bounds = ("--engine", "reference", "--max-states", "20000")
    here = suite(capsys, "--jobs", "1", *bounds)
    killed: list[int] = []
    killer = threading.Thread(target=kill_one, args=(cluster, killed))
    killer.start()
    there = suite(capsys, "--dask", cluster.scheduler_address, *bounds)
    killer.join()
    assert killed
    assert there == here
    assert [one["file"] for one in json.loads(there)["files"]] == [f"{number}_race.c" for number in range(NUMBER)]


def suite(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit):
        main(["test", ".", "--json", *words])
    return capsys.readouterr().out


def kill_one(cluster: Any, killed: list[int]) -> None:  # noqa: ANN401
    """Kill the process of a worker that has begun something."""
    import distributed

    with distributed.Client(cluster.scheduler_address, set_as_default=False) as client:
        deadline = time.monotonic() + 120
        while not killed and time.monotonic() < deadline:
            busy = [address for address, tasks in client.processing().items() if tasks]
            for worker in cluster.workers.values():
                if worker.worker_address in busy[:1] and worker.pid:
                    os.kill(worker.pid, signal.SIGKILL)
                    killed.append(worker.pid)
            time.sleep(0.02)


@pytest.mark.slow
def test_ctrl_c_keeps_what_is_decided(cluster: Any, tmp_path: Path) -> None:  # noqa: ANN401
    """The files that are searched are incomplete, and the others were not searched."""
    for number in range(4):
        (tmp_path / f"{number}_race.c").write_text(ENDLESS)
    words = [sys.executable, "-m", "ctxrace", "test", ".", "--engine", "reference"]
    words += ["--max-states", "100000000", "--dask", cluster.scheduler_address]  # with less it soon gives up by itself
    # What a shell begins in the background ignores Ctrl-C, and so would what that begins.
    heard = partial(signal.signal, signal.SIGINT, signal.default_int_handler)
    running = subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, text=True, preexec_fn=heard)
    import distributed

    with distributed.Client(cluster.scheduler_address, set_as_default=False) as client:
        while not any(client.processing().values()):
            time.sleep(0.05)
    time.sleep(1)
    running.send_signal(signal.SIGINT)
    out, _ = running.communicate(timeout=60)
    assert (running.returncode, out.splitlines()[0]) == (3, "4 files: 0 as expected, 4 not decided")
    assert out.count("interrupted") == 4
