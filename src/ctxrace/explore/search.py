"""The exhaustive search: every reachable state once, in the order of the shortest way to it.

So the first run found that breaks a property is also one to show (`ctxrace.explore.shortest` says which).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ctxrace.core.property import Expectation, Property
from ctxrace.core.system import Run, System
from ctxrace.explore.walk import Walk
from ctxrace.explore.watch import INTERRUPTED, Limits, Progress, Watch, undisturbed

__all__ = ["INTERRUPTED", "Exploration", "Limits", "Progress", "ends", "search"]


@dataclass(frozen=True, slots=True)
class Exploration:
    """What a search found.

    states: distinct states visited; transitions: steps taken from them.
    exhausted: whether every reachable state was visited.
    stopped: which limit ended it; empty where it was exhausted, or all that was wanted was found broken.
    runs: for each broken property the shortest run found that breaks it, as steps with the state before each.
    shortest: the properties whose run is known to be the shortest of all.
    witnessed: the properties of which some step was a witness.
    """

    states: int
    transitions: int
    seconds: float
    exhausted: bool
    stopped: str = ""
    runs: dict[Property, Run] = field(default_factory=dict)
    shortest: frozenset[Property] = frozenset()
    witnessed: frozenset[Property] = frozenset()


def search(
    system: System[Any],
    wanted: frozenset[Property] | None = None,
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> Exploration:
    """Visit every state of `system`, or stop as soon as each property of `wanted` has its shortest violation.

    wanted: what to decide, None for all invariants of the system; empty to visit everything.
    Ctrl-C ends the search as a limit does.
    """
    if wanted is None:
        wanted = frozenset(prop for prop in system.properties if prop.expectation is Expectation.ALWAYS)
    running = _Search(system, wanted, limits or Limits(), progress)
    return running.result(undisturbed(running.run))


def ends(system: System[Any]) -> Iterator[tuple[Any, Run]]:
    """Return every reachable state without steps, nearest first, each with the shortest run to it."""
    walk = Walk(system)
    while walk.nearest is not None:
        number = walk.following()
        if number is None:
            continue
        before = walk.transitions
        walk.visit(number)
        if walk.transitions == before:
            yield walk.found[number], walk.trace(walk.ways[number])


class _Search(Walk):
    def __init__(
        self, system: System[Any], wanted: frozenset[Property], limits: Limits, progress: Progress | None
    ) -> None:
        super().__init__(system)
        self.requested = wanted
        self.length = 0
        self.watch = Watch(limits, progress)

    def run(self) -> str:
        """Visit the states by their length, and return the limit that ended it."""
        while self.nearest is not None:
            if self.nearest != self.length:
                self.length = self.nearest
                if self.requested and self.requested <= self.decided():
                    return ""
            number = self.following()
            if number is None:
                continue
            if stopped := self.watch.limit(self.states, len(self.found)):
                return stopped
            self.visit(number)
        return ""

    def decided(self) -> frozenset[Property]:
        """Return the properties whose violation cannot be shortened any more."""
        return self.broken.until(self.length)

    def result(self, stopped: str) -> Exploration:
        """Return what was found. stopped: the limit that ended the search, if one did."""
        seconds = self.watch.seconds()
        runs = {prop: self.trace(last) for prop, last in self.broken.ways.items()}
        exhausted = self.nearest is None
        shortest = frozenset(runs) if exhausted else self.decided()
        witnessed = frozenset(self.witnessed)
        return Exploration(self.states, self.transitions, seconds, exhausted, stopped, runs, shortest, witnessed)
