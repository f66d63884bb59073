"""The exhaustive search: every reachable state once, in the order of the shortest way to it.

Length is counted in switches first, then in events, so the first run found that breaks a property is also the
one to show. It is Dijkstra's algorithm with the two-part length packed into one number.
"""

import gc
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any

from ctxrace.core import limits as budget
from ctxrace.core.errors import LimitReached
from ctxrace.core.property import Property
from ctxrace.core.system import Step, System
from ctxrace.explore.expand import expand

__all__ = ["INTERRUPTED", "SWITCH", "Exploration", "Limits", "Progress", "Watch", "search", "undisturbed"]

Progress = Callable[[int, float], None]
"""Called now and then with the states visited and the seconds passed."""

INTERRUPTED = "interrupted"
"""Why a search ended that the user stopped."""

SWITCH = 1 << 32
"""The length of a switch, which outweighs any number of events; that of an event is 1."""

_BETWEEN_REPORTS = 512  # which take less than a second even of states with many tasks, so that it can be ended soon
_FOUND = 4  # times the limit: states that wait to be visited take memory, too


@dataclass(frozen=True, slots=True)
class Limits:
    """Where to stop. max_states: states to visit, or a quarter of those found; timeout: seconds. None: no limit."""

    max_states: int | None = None
    timeout: float | None = None


class Watch:
    """Keep a search within its limits, and report its progress. The time runs from the beginning of this."""

    def __init__(self, limits: Limits, progress: Progress | None) -> None:
        self.limits, self.progress = limits, progress
        self.began = time.monotonic()

    def seconds(self) -> float:
        """Return how long the search has run."""
        return time.monotonic() - self.began

    def limit(self, visited: int, found: int = 0) -> str:
        """Return which limit forbids to visit another state, if one does, and report progress now and then.

        visited: the states so far; found: those and the ones that wait, where they count.
        """
        most = self.limits.max_states
        if most is not None:
            if visited >= most:
                return f"the limit of {most:,} states is reached"
            if found > _FOUND * most and visited:
                return f"the limit of {most:,} states is reached: {found:,} are found, {visited:,} of them visited"
        if visited % _BETWEEN_REPORTS == 0:
            if reason := budget.current().exhausted():
                return reason
            seconds = self.seconds()
            if self.limits.timeout is not None and seconds >= self.limits.timeout:
                return f"the timeout of {self.limits.timeout:g} s is over"
            if self.progress is not None and visited:
                self.progress(visited, seconds)
        return ""


def undisturbed(run: Callable[[], str]) -> str:
    """Run a search without the garbage collector; return the limit that ended it, `INTERRUPTED` after Ctrl-C.

    The limit is one that `run` returns, or one of the budget in force that a step raised.
    """
    collecting = gc.isenabled()
    gc.disable()  # states are tuples without cycles: the collector would walk all of them again and again, for nothing
    try:
        return run()
    except KeyboardInterrupt:
        return INTERRUPTED
    except LimitReached as limit:
        return str(limit)
    finally:
        if collecting:
            gc.enable()


@dataclass(frozen=True, slots=True)
class Exploration:
    """What a search found.

    states: distinct states visited; transitions: steps taken from them.
    exhausted: whether every reachable state was visited.
    stopped: which limit ended it; empty where it was exhausted, or all that was wanted was found broken.
    runs: for each broken property the shortest run found that breaks it, as steps with the state before each.
    shortest: the properties whose run is known to be the shortest of all.
    """

    states: int
    transitions: int
    seconds: float
    exhausted: bool
    stopped: str = ""
    runs: dict[Property, list[tuple[Any, Step]]] = field(default_factory=dict)
    shortest: frozenset[Property] = frozenset()


def search(
    system: System[Any],
    wanted: frozenset[Property] | None = None,
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> Exploration:
    """Visit every state of `system`, or stop as soon as each property of `wanted` has its shortest violation.

    wanted: what to decide, None for all properties of the system; empty to visit everything.
    Ctrl-C ends the search as a limit does.
    """
    running = _Search(system, frozenset(system.properties) if wanted is None else wanted, limits or Limits(), progress)
    return running.result(undisturbed(running.run))


class _Search:
    def __init__(
        self, system: System[Any], wanted: frozenset[Property], limits: Limits, progress: Progress | None
    ) -> None:
        self.system, self.wanted = system, wanted
        start = system.initial()
        self.lengths: dict[Hashable, int] = {start: 0}
        self.parents: dict[Hashable, tuple[Hashable, Step]] = {}
        self.broken: dict[Property, tuple[int, Hashable, Step]] = {}
        self.levels: dict[int, list[Hashable]] = {0: [start]}
        self.queue = [0]  # the keys of `levels` as a heap: states of one length wait in a list, in the order found
        self.length = 0
        self.states = self.transitions = 0
        self.watch = Watch(limits, progress)

    def run(self) -> str:
        """Visit the states by their length, and return the limit that ended it."""
        while self.queue:
            self.length = self.queue[0]
            if self.wanted and self.wanted <= self.decided():
                return ""
            for state in self.levels[self.length]:  # grows while it is walked: some steps cost nothing
                if self.lengths[state] != self.length:
                    continue  # a shorter way was found meanwhile
                if stopped := self.watch.limit(self.states, len(self.lengths)):
                    return stopped
                self.visit(state)
            del self.levels[heappop(self.queue)]
        return ""

    def visit(self, state: Hashable) -> None:
        self.states += 1
        length, lengths = self.length, self.lengths
        lengths[state] = ~length  # visited: below every length still to come
        for step in expand(self.system, state):
            self.transitions += 1
            after = length + step.switches * SWITCH + step.events
            for found in step.broken:
                if found not in self.broken or after < self.broken[found][0]:
                    self.broken[found] = (after, state, step)
            known = lengths.get(step.state)
            if known is None or after < known:
                lengths[step.state] = after
                self.parents[step.state] = (state, step)
                if after not in self.levels:
                    self.levels[after] = []
                    heappush(self.queue, after)
                self.levels[after].append(step.state)

    def decided(self) -> frozenset[Property]:
        """Return the properties whose violation cannot be shortened any more."""
        return frozenset(p for p, (length, _, _) in self.broken.items() if length <= self.length)

    def result(self, stopped: str) -> Exploration:
        seconds = self.watch.seconds()
        runs = {found: self.trace(state, step) for found, (_, state, step) in self.broken.items()}
        exhausted = not self.queue
        shortest = frozenset(runs) if exhausted else self.decided()
        return Exploration(self.states, self.transitions, seconds, exhausted, stopped, runs, shortest)

    def trace(self, state: Hashable, last: Step) -> list[tuple[Any, Step]]:
        """Return the steps from the initial state to `state`, and then `last`."""
        run = [(state, last)]
        while state in self.parents:
            state, step = self.parents[state]
            run.append((state, step))
        return run[::-1]
