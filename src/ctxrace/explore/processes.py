"""Decide many things, some at a time in processes of their own. Ctrl-C ends what runs, and begins nothing more.

The processes share the budget in force: its time, and each an equal part of its memory. They die with their parent.
"""

import copy
import ctypes
import gc
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from types import FrameType
from typing import NamedTuple, TypeVar

from ctxrace.core.errors import CtxraceError
from ctxrace.core.limits import Budget, current, put_in_force
from ctxrace.core.setting import Setting

__all__ = ["Amount", "Done", "Stop", "each", "noticed", "unless_stopped"]

Item = TypeVar("Item")
Found = TypeVar("Found")


class Amount(NamedTuple):
    """How much is done.

    done: how many things, of how many; running: how many at this moment. states: at least so many were visited.
    """

    done: int
    of: int
    running: int
    states: int = 0


Done = Callable[[Amount], None]
"""Is told now and then how much is done."""

_BETWEEN_LOOKS = 0.1  # seconds
_PR_SET_PDEATHSIG = 1  # Linux include/uapi/linux/prctl.h
_COUNTERS = 1024  # processes that count states; two of them may share a counter, and then some are not counted


class Stop:
    """Whether the user pressed Ctrl-C, known to all processes. It is a search's `Progress`, so that it ends searches.

    Processes that search never see the signal: it might strike where nothing is prepared for it, as in the midst of
    a result that is on its way to the parent.
    """

    def __init__(self) -> None:
        self._flag = multiprocessing.RawValue("b", 0)  # without a lock: nobody can die holding it
        self._visited = multiprocessing.RawArray("q", _COUNTERS)
        self._last = 0
        self.heard: Callable[[], None] | None = None
        """Is called where a search in this very process goes on."""

    def __call__(self, states: int = 0, _: float = 0.0) -> None:
        """Let a search go on that has visited so many states, or end it."""
        self.count(states - self._last if states >= self._last else states)  # fewer: it is another search
        self._last = states
        if self.heard is not None:
            self.heard()

    def count(self, states: int) -> None:
        """Count states that were visited, and let a search go on, or end it."""
        self._visited[os.getpid() % _COUNTERS] += states
        self.check()

    def begin(self) -> None:
        """Take note that whatever is counted next is another search."""
        self._last = 0

    @property
    def states(self) -> int:
        """How many states all searches have visited, as far as they have told."""
        return sum(self._visited)

    def __bool__(self) -> bool:
        return bool(self._flag.value)

    def set(self) -> None:
        """End whatever runs."""
        self._flag.value = 1

    def check(self) -> None:
        """Raise `KeyboardInterrupt` if the user has pressed Ctrl-C."""
        if self:
            raise KeyboardInterrupt


def each(
    decide: Callable[[Item, Stop], Found], items: Sequence[Item], jobs: int, done: Done | None = None,
    sizes: Sequence[int] | None = None,
) -> list[Found | None]:  # fmt: skip
    """Return what `decide` finds of each of the items, in their order; None of those that Ctrl-C came before.

    decide: a function that other processes can import; it hands its `Stop` to its searches as their progress, and may
    raise `KeyboardInterrupt` where it has nothing to return. What else it raises ends everything.
    jobs: how many at a time; with 1, all in this process. done: is told now and then how much is done.
    sizes: how many things each item stands for; one, if not given.
    """
    stop = Stop()
    sizes = sizes or [1] * len(items)
    if jobs == 1 or len(items) <= 1:
        return _here(decide, items, stop, done, sizes)
    return _in_processes(decide, items, min(jobs, len(items)), stop, done, sizes)


def _here(
    decide: Callable[[Item, Stop], Found], items: Sequence[Item], stop: Stop, done: Done | None, sizes: Sequence[int]
) -> list[Found | None]:
    found: list[Found | None] = []

    def tell() -> None:
        if done:
            done(Amount(sum(sizes[: len(found)]), sum(sizes), min(1, len(items) - len(found)), stop.states))

    stop.heard = tell
    try:
        with noticed(stop, at_once=True):
            for item in items:
                found.append(unless_stopped(decide, item, stop))
                tell()
    except KeyboardInterrupt:
        pass
    return [*found, *[None] * (len(items) - len(found))]


def _in_processes(
    decide: Callable[[Item, Stop], Found], items: Sequence[Item], jobs: int, stop: Stop, done: Done | None,
    sizes: Sequence[int],
) -> list[Found | None]:  # fmt: skip
    with noticed(stop, at_once=False), _pool(jobs, stop) as pool:
        with _blocked():
            futures: list[Future[Found | None]] = [pool.submit(_serve, decide, item) for item in items]
        waiting = True
        while waiting and not stop:
            waiting = bool(wait(futures, _BETWEEN_LOOKS, FIRST_EXCEPTION).not_done) and not any(map(_failed, futures))
            if done:
                over = [index for index, future in enumerate(futures) if future.done()]
                running = min(jobs, len(items) - len(over))
                done(Amount(sum(sizes[index] for index in over), sum(sizes), running, stop.states))
        stop.set()
        # One more than there are processes has left the queue, and cannot be cancelled: it sees `stop` as it begins.
        for future in futures:
            future.cancel()
    try:
        return [None if future.cancelled() else future.result() for future in futures]
    except BrokenProcessPool:
        raise CtxraceError(
            "a process that searched was killed; where memory is short, set ", Setting("jobs", 1), f" (not {jobs}), ",
            "or ", Setting("max_states")
        ) from None  # fmt: skip


def _pool(jobs: int, stop: Stop) -> ProcessPoolExecutor:
    budget = copy.copy(current())
    if budget.max_memory is not None:
        budget.max_memory //= jobs
    return ProcessPoolExecutor(jobs, initializer=_begin, initargs=(stop, budget, os.getpid()))


def _failed(future: Future[Found | None]) -> bool:
    return future.done() and future.exception() is not None


def unless_stopped(decide: Callable[[Item, Stop], Found], item: Item, stop: Stop) -> Found | None:
    """Return what `decide` finds of `item`; None where the user ended everything before."""
    stop.begin()
    try:
        stop.check()
        return decide(item, stop)
    except KeyboardInterrupt:
        return None


# In the processes that search

_stops: list[Stop] = []


def _begin(stop: Stop, budget: Budget, parent: int) -> None:
    _die_with(parent)
    gc.freeze()  # what the parent had made lives as long as this process, and its pages stay the parent's
    _stops.append(stop)
    put_in_force(budget)


def _die_with(parent: int) -> None:
    """Let this process be killed once `parent`, which forked it, has ended, however that ended; only Linux can."""
    if sys.platform != "linux" or multiprocessing.get_start_method() != "fork":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it has ended already
        os._exit(1)


def _serve(decide: Callable[[Item, Stop], Found], item: Item) -> Found | None:
    return unless_stopped(decide, item, _stops[-1])


# Ctrl-C


@contextmanager
def noticed(stop: Stop, *, at_once: bool) -> Iterator[None]:
    """Let Ctrl-C set `stop` while the block runs.

    at_once: whether it also interrupts this process; if not, it does so where it comes a second time.
    """
    before = signal.getsignal(signal.SIGINT)
    if not callable(before) or threading.current_thread() is not threading.main_thread():
        yield  # the signal is ignored, as in the background of a shell, or is another thread's
        return

    def notice(number: int, frame: FrameType | None) -> None:
        interrupt = at_once or bool(stop)
        stop.set()
        if interrupt:
            before(number, frame)

    signal.signal(signal.SIGINT, notice)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _blocked() -> Iterator[None]:
    """Let the processes that begin in the block, and theirs, never see Ctrl-C."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
