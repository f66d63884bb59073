"""How much time and memory a command may use, in whatever phase it is.

A command puts its `Budget` in force once, with `within`. Everything below that may take long calls `spend` now and
then, and the budget ends it by `LimitReached`. So no function hands a deadline on to the next one, and none of their
results depends on it: they return the same, or nothing.
"""

import gc
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path

from ctxrace.core.errors import LimitReached
from ctxrace.core.facts.stop import MemoryLimit, TimeLimit

__all__ = ["DEFAULT_MAX_STATES", "Budget", "current", "default_memory", "put_in_force", "spend", "uncollected",
           "within"]  # fmt: skip

DEFAULT_MAX_STATES = 3_000_000
"""The states that a search visits unless more are asked for: about 2 GB."""

_BETWEEN_LOOKS = 64  # at the memory in use, which takes a hundred times as long as a look at the clock
_CGROUP = Path("/sys/fs/cgroup/memory.max")  # Linux Documentation/admin-guide/cgroup-v2.rst; in a container, its own


class Budget:
    """The time and the memory that are left. The time runs from the beginning of this.

    timeout: in seconds; max_memory: what this process may have resident, in bytes. None: no limit.
    """

    def __init__(self, timeout: float | None = None, max_memory: int | None = None) -> None:
        self.timeout, self.max_memory = timeout, max_memory
        self._until = None if timeout is None else time.monotonic() + timeout
        self._looks = 0

    def remaining(self) -> float | None:
        """Return the seconds that are left, never less than 0; None where there is no limit."""
        return None if self._until is None else max(0.0, self._until - time.monotonic())

    def share(self, part: float) -> "Budget":
        """Return the budget of one of several things: a part of the time that is left, and all of the memory.

        part: from 0 to 1. A limit that it reaches is told as the limit of the whole.
        """
        found = Budget(self.timeout, self.max_memory)
        left = self.remaining()
        if left is not None:
            found._until = time.monotonic() + left * part
        return found

    def exhausted(self) -> TimeLimit | MemoryLimit | None:
        """Return which limit is reached; None where none is."""
        if self._late():
            assert self.timeout is not None
            return TimeLimit(self.timeout)
        if self.max_memory is not None and resident() > self.max_memory:
            return MemoryLimit(self.max_memory)
        return None

    def spend(self, doing: str = "") -> None:
        """Raise `LimitReached` where a limit is reached; doing: the phase, for the message.

        Cheap enough for inner loops. Of the memory it takes note only now and then.
        """
        self._looks += 1
        late = self._late()
        if (late or self._looks % _BETWEEN_LOOKS == 0) and (limit := self.exhausted()):
            raise LimitReached(replace(limit, doing=doing))

    def _late(self) -> bool:
        return self._until is not None and time.monotonic() >= self._until


_UNLIMITED = Budget()
_in_force: ContextVar[Budget] = ContextVar("budget", default=_UNLIMITED)


def current() -> Budget:
    """Return the budget in force: without any limit, unless `within` says otherwise."""
    return _in_force.get()


def spend(doing: str = "") -> None:
    """Raise `LimitReached` where a limit of the budget in force is reached."""
    _in_force.get().spend(doing)


@contextmanager
def uncollected() -> Iterator[None]:
    """Run the block without the garbage collector, which would walk all that it makes again and again, for nothing.

    States are tuples without cycles. What has cycles is freed after the block.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


@contextmanager
def within(budget: Budget) -> Iterator[Budget]:
    """Put `budget` in force."""
    token = _in_force.set(budget)
    try:
        yield budget
    finally:
        _in_force.reset(token)


def put_in_force(budget: Budget) -> None:
    """Put `budget` in force for as long as this process lives."""
    _in_force.set(budget)


def resident() -> int:
    """Return the bytes of this process that are in memory; 0 where the system does not tell."""
    try:
        with Path("/proc/self/statm").open("rb") as file:  # Linux Documentation/filesystems/proc.rst
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return _peak()


def _peak() -> int:
    try:
        import resource
    except ImportError:  # not on every system
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def default_memory() -> int | None:
    """Return three quarters of the memory that this machine, or this container, has; None where it does not tell."""
    sizes = []
    with suppress(AttributeError, OSError, ValueError):
        sizes.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    with suppress(OSError, ValueError):
        sizes.append(int(_CGROUP.read_text()))  # `max`: no limit
    return min(sizes) * 3 // 4 if sizes else None
