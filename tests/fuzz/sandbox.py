"""Run a `Case` in a forked process with a directory of its own, and see how it ends and what it leaves behind.

A fork of this process has all modules that a verb needs, so that 10,000 cases take minutes.
"""

import importlib
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.case import Case

from ctxrace.cli.app import VERBS
from ctxrace.cli.main import main

__all__ = ["UNCAUGHT", "Ending", "Sandbox"]

UNCAUGHT = 99
"""The exit status of the forked process where `main` raises anything but `SystemExit`."""

_MOST_SECONDS = 30  # of processor time
_LONGEST = 300  # seconds by the clock, for what waits
_MODULES = (*(verb.module for verb in VERBS), "ctxrace.cli.models", "ctxrace.cli.thread", "typer", "pypcode")


@dataclass(frozen=True)
class Ending:
    """How a case ended.

    status: the exit status, negative for a signal. seconds: of processor time, with the compiler's. peak: bytes that
    its largest process had resident. left: the files that it wrote into its directory, with what is in them, or left
    unfinished in the cache.
    """

    status: int
    out: bytes
    err: bytes
    seconds: float
    elapsed: float
    peak: int
    left: dict[str, bytes]


class Sandbox:
    """Where cases are run, one after the other. They share a cache, as the commands of one user do."""

    def __init__(self, within: Path | None = None) -> None:
        """Make a directory for the cases, `within` another one or where temporary files are."""
        self._folder = Path(tempfile.mkdtemp(prefix="ctxrace-fuzz-", dir=within))
        self._cache = self._folder / "cache"
        for module in _MODULES:
            importlib.import_module(module)

    def close(self) -> None:
        """Remove what is left."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def run(self, case: Case) -> Ending:
        """Run `case`, and return how it ended."""
        room = self._folder / "room"
        room.mkdir()
        for name, data in case.files.items():
            (room / name).write_bytes(data)
        out, err = self._folder / "out", self._folder / "err"
        began = time.monotonic()
        pid = os.fork()
        if pid == 0:
            self._child(case, room, out, err)
        _, status, used = os.wait4(pid, 0)
        elapsed = time.monotonic() - began
        new = sorted(path for path in room.iterdir() if path.name not in case.files)
        left = {path.name: path.read_bytes() if path.is_file() else b"" for path in new}
        left |= {path.name: b"" for path in self._cache.glob("ctxrace/build-*")}
        shutil.rmtree(room)
        seconds, peak = used.ru_utime + used.ru_stime, used.ru_maxrss * 1024
        code = os.waitstatus_to_exitcode(status)
        return Ending(code, out.read_bytes(), err.read_bytes(), seconds, elapsed, peak, left)

    def _child(self, case: Case, room: Path, out: Path, err: Path) -> None:
        """Be the command, and end."""
        status = UNCAUGHT
        try:
            os.chdir(room)
            os.environ.update(XDG_CACHE_HOME=str(self._cache), TERM="dumb", NO_COLOR="1")
            os.environ.pop("COLUMNS", None)
            for number, path in ((1, out), (2, err)):
                os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            sys.stdout = open(1, "w", encoding=case.encoding, closefd=False)  # noqa: SIM115
            sys.stderr = open(2, "w", encoding=case.encoding, errors="backslashreplace", closefd=False)  # noqa: SIM115
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            resource.setrlimit(resource.RLIMIT_CPU, (_MOST_SECONDS, _MOST_SECONDS))
            signal.alarm(_LONGEST)
            main(list(case.words))
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else UNCAUGHT
        except BaseException:  # what a user would see as a traceback
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
