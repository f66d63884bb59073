"""Compilers end with their limits and with us, and leave nothing behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ctxrace.core.errors import LimitReached, ToolchainError
from ctxrace.core.limits import Budget, within
from ctxrace.machine.build.process import MOST_OUTPUT, Processes, environment

PYTHON = sys.executable

# Starts a build whose compiler starts another process and never ends, and says when both run.
BUILD = """
import sys
from pathlib import Path
from ctxrace.machine.build.cache import remembered

def build(work, processes):
    (work / "object").write_text("half")
    processes.run([sys.executable, "-c", CHILD, str(Path(sys.argv[2]))], "compiling")

CHILD = '''
import os, subprocess, sys, time
other = subprocess.Popen(["sleep", "600"])
with open(sys.argv[1] + ".new", "w") as file:
    file.write(f"{os.getpid()} {other.pid}")
os.rename(sys.argv[1] + ".new", sys.argv[1])
time.sleep(600)
'''
remembered("key", Path(sys.argv[1]), build)
"""


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def wait_until(condition: object) -> None:
    assert callable(condition)
    for _ in range(3000):
        if condition():
            return
        time.sleep(0.01)
    pytest.fail("nothing happened in 30 s")


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc")
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT], ids=lambda how: how.name)
def test_all_of_it_ends_with_us(how: signal.Signals, tmp_path: Path) -> None:
    cache, running = tmp_path / "cache", tmp_path / "running"
    ours = subprocess.Popen([PYTHON, "-c", BUILD, str(cache), str(running)], stderr=subprocess.DEVNULL)
    wait_until(running.exists)
    pids = [int(word) for word in running.read_text().split()]
    assert len(pids) == 2
    assert all(map(is_running, pids))
    assert [entry.name[:6] for entry in cache.iterdir()] == ["build-"]
    ours.send_signal(how)
    ours.wait()
    wait_until(lambda: not any(map(is_running, pids)))
    wait_until(lambda: not list(cache.iterdir()))


def test_the_timeout_ends_it(tmp_path: Path) -> None:
    with within(Budget(timeout=0.3)), Processes() as processes:
        told = r"^the timeout of 0\.3 s is over while compiling race\.c$"
        with pytest.raises(LimitReached, match=told):
            processes.run(["sleep", "600"], "compiling race.c", cwd=tmp_path)
    with Processes() as processes:  # which is not true of the next one
        assert processes.run(["true"], "compiling") == (0, "")


def test_the_memory_is_limited() -> None:
    code = "data = bytearray(1 << 30)"
    with Processes() as processes:
        assert processes.run([PYTHON, "-c", code], "compiling")[0] == 0
        with within(Budget(max_memory=200 << 20)):
            status, text = processes.run([PYTHON, "-c", "import time; time.sleep(0.3); " + code], "compiling")
            assert (status, text.split()[-1]) == (1, "MemoryError")
            with pytest.raises(LimitReached, match="the limit of 200 MiB of memory is reached while compiling"):
                processes.run(["sh", "-c", "echo fatal: out of memory allocating 9 bytes; exit 1"], "compiling")
    assert processes is not None


def test_a_thread_that_cannot_be_made_is_for_want_of_memory_where_there_is_little() -> None:
    linker = ["sh", "-c", "echo thread constructor failed: Resource temporarily unavailable; kill -6 $$"]
    with Processes() as processes:
        with within(Budget(max_memory=20 << 20)), pytest.raises(LimitReached, match="20 MiB of memory is reached"):
            processes.run(linker, "linking")
        with within(Budget(max_memory=1 << 30)):
            assert processes.run(linker, "linking")[0] == -6


def test_messages_are_bounded_and_kept_apart() -> None:
    with Processes() as processes:
        status, text = processes.run([PYTHON, "-c", f"print('x' * {3 * MOST_OUTPUT})"], "compiling")
        assert (status, len(text)) == (0, MOST_OUTPUT)
        assert processes.run(["sh", "-c", "echo out; echo err >&2; exit 3"], "compiling") == (3, "out\nerr\n")
        assert processes.run(["sh", "-c", "kill -9 $$"], "compiling") == (-9, "")
        with pytest.raises(ToolchainError, match=r"cannot start no-such-program: No such file or directory; is it"):
            processes.run(["no-such-program"], "compiling")


def test_what_a_compiler_sees_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CCC_OVERRIDE_OPTIONS", "GCC_EXEC_PREFIX", "LD_PRELOAD", "CPATH", "LC_ALL", "NIX_CFLAGS", "LCX"):
        monkeypatch.setenv(name, "x")
    seen = environment()
    assert {"CPATH", "LC_ALL", "NIX_CFLAGS", "PATH"} <= seen.keys()
    assert not {"CCC_OVERRIDE_OPTIONS", "GCC_EXEC_PREFIX", "LD_PRELOAD", "LCX"} & seen.keys()
    with Processes() as processes:
        status, text = processes.run(["env"], "asking", more={"LC_ALL": "C"})
    assert status == 0
    assert "LC_ALL=C\n" in text
    assert "LD_PRELOAD" not in text
    assert os.environ["LC_ALL"] == "x"


@pytest.mark.parametrize("told", [True, False])
def test_the_end_of_a_process_is_noticed(told: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """told: whether the system tells of it, as Linux 5.3 does."""
    if not told:
        monkeypatch.delattr(os, "pidfd_open", raising=False)
    with Processes() as processes:
        for status in (0, 3):
            assert processes.run([PYTHON, "-c", f"print(7); raise SystemExit({status})"], "trying") == (status, "7\n")
        assert processes.run([PYTHON, "-c", "import os; os.kill(os.getpid(), 9)"], "trying") == (-9, "")
        with within(Budget(timeout=0.1)), pytest.raises(LimitReached):
            processes.run([PYTHON, "-c", "import time; time.sleep(600)"], "trying")
