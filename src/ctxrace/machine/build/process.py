"""A compiler as a process: in a group of its own, within the limits, and gone when this process is gone.

A watchdog leads the group. It waits for the end of a pipe that this process alone can write to. However this process
ends, by SIGKILL too, the pipe ends with it. The watchdog then kills the group and removes what was being built.
"""

import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from ctxrace.core import limits
from ctxrace.core.errors import LimitReached, ToolchainError
from ctxrace.core.facts.stop import MemoryLimit, TimeLimit
from ctxrace.machine.inputs import MOST_IMAGE

__all__ = ["PASSED_ON", "Processes", "environment"]

MOST_OUTPUT = 1 << 20
"""Bytes of a compiler's messages that are read."""

PASSED_ON = ("CPATH", "C_INCLUDE_PATH", "HOME", "LANG", "LANGUAGE", "LC_", "LD_LIBRARY_PATH", "LOGNAME", "NIX_",
             "PATH", "PWD", "SOURCE_DATE_EPOCH", "TEMP", "TMP", "TMPDIR", "USER")  # fmt: skip
"""The environment variables that a compiler sees, or how their names begin: none else can change what it does."""

_WATCHDOG = ("/bin/sh", "-c", 'read nothing; exec "$@"', "watchdog")
"""Waits for the end of standard input, and then becomes what follows. It starts with every build, and starts soon."""
_AT_THE_END = """
import os, shutil, signal, sys
group = os.getpgrp()
if os.fork() == 0:
    os.setpgid(0, 0)
    os.killpg(group, signal.SIGKILL)
    for name in sys.argv[1:]:
        shutil.rmtree(name, ignore_errors=True)
"""
_NO_MEMORY = ("out of memory", "bad_alloc", "annot allocate memory", "memory exhausted", "OutOfMemory")
_NO_THREAD = ("esource temporarily unavailable",)
"""What a linker says where a thread's stack does not fit; with more than `_AMPLE` bytes it is for another reason."""
_AMPLE = 256 << 20


def environment() -> dict[str, str]:
    """Return the variables of this process's environment that a compiler sees."""
    return {
        name: value
        for name, value in os.environ.items()
        if any(name == known or known.endswith("_") and name.startswith(known) for known in PASSED_ON)
    }


class Processes:
    """Run processes one after the other, all in one group, while `with` lasts.

    remove: the directory that is removed if this process is killed meanwhile.
    """

    def __init__(self, remove: Path | None = None) -> None:
        self._remove = remove

    def __enter__(self) -> Self:
        directories = [str(self._remove.absolute())] if self._remove else []
        ending = (sys.executable, "-I", "-S", "-c", _AT_THE_END, *directories)
        self._watchdog = _start([*_WATCHDOG, *ending], stdin=subprocess.PIPE)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._kill()
        assert self._watchdog.stdin is not None
        self._watchdog.stdin.close()
        self._watchdog.wait()

    def run(
        self, command: Sequence[str], what: str, *, cwd: Path | None = None, more: dict[str, str] | None = None
    ) -> tuple[int, str]:
        """Run `command`; return its exit status, negative for a signal, and what it printed.

        what: what it does, for messages; more: further environment variables.
        Raises `ToolchainError` where it cannot be started, `LimitReached` where it uses up the budget in force.
        """
        with tempfile.TemporaryFile() as output:
            process = _start(
                command, cwd, {**environment(), **(more or {})}, stdout=output.fileno(), group=self._watchdog.pid
            )
            _limit(process.pid)
            try:
                while (status := _wait(process)) is None:
                    limits.spend(what)
            finally:
                if process.returncode is None:
                    self._kill()
                    process.wait()
            output.seek(0)
            text = output.read(MOST_OUTPUT).decode(errors="replace")
        memory = limits.current().max_memory
        if status and memory is not None:
            telling = (*_NO_MEMORY, *(_NO_THREAD if memory < _AMPLE else ()))
            if any(words in text for words in telling):
                raise LimitReached(MemoryLimit(memory, what))
        return status, text

    def run_within(
        self, seconds: float, command: Sequence[str], what: str, *, cwd: Path | None = None
    ) -> tuple[int, str] | None:
        """Run `command` as `run` does, for at most `seconds`; return None where it takes longer than that."""
        budget = limits.current()
        left = budget.remaining()
        most = seconds if left is None else min(left, seconds)
        try:
            with limits.within(limits.Budget(most, budget.max_memory)):
                return self.run(command, what, cwd=cwd)
        except LimitReached as reached:
            if most < seconds or not isinstance(reached.limit, TimeLimit):
                raise
            return None

    def _kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._watchdog.pid, signal.SIGKILL)


def _start(
    command: Sequence[str],
    cwd: Path | None = None,
    env: dict[str, str] | None = None,
    *,
    stdin: int = subprocess.DEVNULL,
    stdout: int = subprocess.DEVNULL,
    group: int = 0,
) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            command, cwd=cwd, env=env, stdin=stdin, stdout=stdout, stderr=subprocess.STDOUT, process_group=group
        )
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ToolchainError(f"cannot start {command[0]}: {reason}; is it installed and executable?") from None


def _wait(process: subprocess.Popen[bytes]) -> int | None:
    """Return the exit status of `process`; None where it goes on for half a second, or beyond the budget in force."""
    left = limits.current().remaining()
    seconds = 0.5 if left is None else min(left + 0.001, 0.5)
    try:
        handle = os.pidfd_open(process.pid)
    except (AttributeError, OSError):  # not Linux, or an old one
        return _wait_by_looking(process, seconds)
    try:
        ended = select.poll()
        ended.register(handle, select.POLLIN)
        return process.wait() if ended.poll(seconds * 1000) else None
    finally:
        os.close(handle)


def _wait_by_looking(process: subprocess.Popen[bytes], seconds: float) -> int | None:
    # It looks less and less often, up to 50 ms apart: most compilers would be over for a fifth of their time.
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        return None


def _limit(pid: int) -> None:
    try:
        import resource
    except ImportError:  # not on every system
        return
    if not hasattr(resource, "prlimit"):
        return
    with suppress(OSError, ValueError):  # it may be over already
        resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (MOST_IMAGE, MOST_IMAGE))
        memory = limits.current().max_memory
        if memory is not None:
            resource.prlimit(pid, resource.RLIMIT_DATA, (memory, memory))
