"""The exhaustive search: every reachable state once, in the order of the shortest way to it.

So the first run found that breaks a property is also one to show (`ctxrace.explore.shortest` says which).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from ctxrace.core.facts.stop import Stop
from ctxrace.core.property import Expectation, Property
from ctxrace.core.system import Run, System
from ctxrace.explore.possible import nearest_hopeless
from ctxrace.explore.walk import Walk
from ctxrace.explore.watch import Limits, Progress, Watch, undisturbed

__all__ = ["MORE", "Exploration", "Limits", "Progress", "breaking", "ends", "search"]


MORE = 500
"""States visited after all invariants are decided, in order to decide what must always be possible, too."""


@dataclass(frozen=True, slots=True)
class Exploration:
    """What a search found.

    states: distinct states visited, transitions: steps taken from them, until all that was wanted was decided.
    exhausted: whether every reachable state had been visited then.
    stopped: what ended it early; None where it was exhausted, or all that was wanted was found broken.
    runs: for each broken property the shortest run found that breaks it, as steps with the state before each. Where
    something is no longer possible, its run ends in the nearest state from which no goal is reached.
    shortest: the properties whose run is known to be the shortest of all.
    witnessed: the properties of which some step was a witness.
    possible: those that must always be possible and are.
    all_states, all_transitions: visited and taken until that was decided, too, or given up.
    summed_up: whether nested runs were summed up, and count once.
    """

    states: int
    transitions: int
    seconds: float
    exhausted: bool
    stopped: Stop | None = None
    runs: dict[Property, Run] = field(default_factory=dict)
    shortest: frozenset[Property] = frozenset()
    witnessed: frozenset[Property] = frozenset()
    possible: frozenset[Property] = frozenset()
    all_states: int = 0
    all_transitions: int = 0
    summed_up: bool = False


def search(
    system: System[Any],
    wanted: frozenset[Property] | None = None,
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> Exploration:
    """Visit every state of `system`, or stop as soon as each property of `wanted` has its shortest violation.

    wanted: what to decide, None for all invariants of the system; empty to visit everything. What must always be
    possible is decided where everything is visited.
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


def breaking(run: Run, prop: Property) -> Run:
    """Return `run`, the last step of which breaks `prop`, too."""
    if not run:
        return run
    state, step = run[-1]
    return [*run[:-1], (state, step._replace(broken=(*step.broken, prop)))]


class _Search(Walk):
    def __init__(
        self, system: System[Any], wanted: frozenset[Property], limits: Limits, progress: Progress | None
    ) -> None:
        possible = any(prop.expectation is Expectation.ALWAYS_POSSIBLE for prop in system.properties)
        super().__init__(system, keep_edges=possible)
        self.requested = wanted
        self.length = 0
        self.enough: Exploration | None = None  # what was known when all that was requested was decided
        self.watch = Watch(limits, progress)

    def run(self) -> Stop | None:
        """Visit the states by their length, and return the limit that ended it."""
        while self.nearest is not None:
            if self.nearest != self.length:
                self.length = self.nearest
                if self.requested and self.enough is None and self.requested <= self.decided():
                    self.enough = self.so_far(None)
            if self.enough is not None and (not self.goals or self.states >= self.enough.states + MORE):
                return None
            number = self.following()
            if number is None:
                continue
            if stopped := self.watch.limit(self.states, len(self.found)):
                return stopped
            self.visit(number)
        return None

    def decided(self) -> frozenset[Property]:
        """Return the properties whose violation cannot be shortened any more."""
        return self.broken.until(self.length)

    def so_far(self, stopped: Stop | None) -> Exploration:
        """Return what is known of the invariants. stopped: the limit that ended the search, if one did."""
        runs = {prop: self.trace(last) for prop, last in self.broken.ways.items()}
        exhausted = self.nearest is None
        shortest = frozenset(runs) if exhausted else self.decided()
        return Exploration(self.states, self.transitions, self.watch.seconds(), exhausted, stopped, runs, shortest)

    def result(self, stopped: Stop | None) -> Exploration:
        """Return what was found. stopped: the limit that ended the search, if one did."""
        found = self.so_far(stopped) if self.enough is None else self.enough
        runs, shortest, possible = dict(found.runs), set(found.shortest), set()
        for prop, goals in self.goals.items():
            nearest = nearest_hopeless(self, goals)
            if nearest:
                runs[prop] = breaking(self.trace([way for number in nearest for way in self.ways[number]]), prop)
                shortest |= {prop} if self.nearest is None else set()
            elif self.nearest is None:
                possible.add(prop)
        return replace(
            found,
            runs=runs,
            shortest=frozenset(shortest),
            witnessed=frozenset(self.witnessed),
            possible=frozenset(possible),
            all_states=self.states,
            all_transitions=self.transitions,
        )
