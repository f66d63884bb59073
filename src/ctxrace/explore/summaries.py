"""The search that sums up nested runs: what a run does to its end is found once, for all states it is called from.

A procedure summary (Reps, Horwitz and Sagiv 1995; weighted: Reps, Schwoon, Jha and Melski 2005) says to which ends a
nested run can come and which properties it can break, each with the shortest length. To the run that it cut in on it
is one more step. So a nested run is not explored anew over every run that it may cut in on.
"""

from collections.abc import Hashable, Iterable
from typing import Any

from ctxrace.core.nested import NestedSystem
from ctxrace.core.property import Expectation, Property
from ctxrace.core.system import Run, Step
from ctxrace.explore.expand import expand, follow
from ctxrace.explore.hopeless import Hopeless, Nearest
from ctxrace.explore.procedure import Opened, Procedure
from ctxrace.explore.search import Exploration
from ctxrace.explore.shortest import Way, cost, first_run
from ctxrace.explore.watch import Limits, Progress, Watch, undisturbed

__all__ = ["summarized"]


def summarized(
    system: NestedSystem[Any],
    wanted: frozenset[Property] | None = None,
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> Exploration:
    """Return what `ctxrace.explore.search.search` finds, but for the numbers of states and transitions.

    The arguments are those of `search`. States of nested runs count once, however many runs they cut in on.
    """
    if wanted is None:
        wanted = frozenset(prop for prop in system.properties if prop.expectation is Expectation.ALWAYS)
    running = _Summarizing(system, wanted, limits or Limits(), progress)
    return running.result(undisturbed(running.run))


class _LimitReached(Exception):
    """A limit ended the search in the midst of nested runs."""


class _Summarizing:
    def __init__(
        self, system: NestedSystem[Any], wanted: frozenset[Property], limits: Limits, progress: Progress | None
    ) -> None:
        self.system, self.wanted = system, wanted
        self.possible = [prop for prop in system.properties if prop.expectation is Expectation.ALWAYS_POSSIBLE]
        self.outermost = self.fresh(system.initial())
        self.outermost.witness(self.possible, 0)
        self.nested: dict[Hashable, Procedure] = {}
        self.length = self.states = self.found = 0
        self.watch = Watch(limits, progress)

    def fresh(self, start: Hashable) -> Procedure:
        return Procedure(self.system, start, keep_edges=bool(self.possible))

    def run(self) -> str:
        """Explore the outermost run by the length of its states, and return the limit that ended it."""
        run = self.outermost
        try:
            while run.nearest is not None:
                if run.nearest != self.length:
                    self.length = run.nearest
                    if self.wanted and self.wanted <= run.broken.until(self.length):
                        return ""
                number = run.following()
                if number is not None:
                    self.visit(run, number)
        except _LimitReached as reached:
            return str(reached)
        return ""

    def summary(self, start: Hashable) -> Procedure:
        """Return all ways through the nested run that starts with `start`."""
        run = self.nested.get(start)
        if run is None:
            run = self.fresh(start)
            while run.nearest is not None:
                number = run.following()
                if number is None:
                    continue
                if self.system.ended(run.found[number]):
                    run.ends[run.found[number]] = run.lengths[number]
                else:
                    self.visit(run, number)
            self.found += len(run.found)
            self.nested[start] = run  # only now: nobody asks for it before, as it is not called within itself
        return run

    def visit(self, run: Procedure, number: int) -> None:
        """Take every step of a state; those that begin nested runs, to all that these may come to."""
        if stopped := self.watch.limit(self.states, self.found + len(self.outermost.found)):
            raise _LimitReached(stopped)
        self.states += 1
        system, reach, note = self.system, run.reach, run.broken.note
        state, length = run.found[number], run.begin(number)
        for rank, step in enumerate(expand(system, state)):
            run.transitions += 1
            after = length + cost(step)
            for prop in step.broken:
                note(prop, after, number, rank)
            start = system.called(state, step)
            if start is None:
                to = reach(step.state, after, number, rank)
                if step.witnessed:
                    run.witness(step.witnessed, to)
                continue
            nested = self.summary(start)
            if step.witnessed:
                nested.witness(step.witnessed, 0)
            for prop, inside in nested.broken.lengths.items():
                note(prop, after + inside, number, rank, prop)
            for end, inside in nested.ends.items():
                run.transitions += 1
                there, broken, witnessed = system.returned(step, end)
                for prop in broken:
                    note(prop, after + inside, number, rank, end)
                to = reach(there, after + inside, number, rank, end)
                if witnessed:
                    run.witness(witnessed, to)

    def result(self, stopped: str) -> Exploration:
        """Return what was found. stopped: the limit that ended the search, if one did."""
        found, walks = self.outermost.broken, (self.outermost, *self.nested.values())
        runs = {prop: self.trace(last) for prop, last in found.ways.items()}
        exhausted = self.outermost.nearest is None and not stopped
        for prop in self.possible if exhausted else ():
            nearest = Hopeless(self.system, self.outermost, self.nested, prop).nearest()
            if nearest is not None:
                runs[prop] = self.trace(nearest.ways)
        return Exploration(
            self.states,
            sum(walk.transitions for walk in walks),
            self.watch.seconds(),
            exhausted,
            stopped,
            runs,
            frozenset(runs) if exhausted else found.until(self.length),
            frozenset().union(*(walk.witnessed for walk in walks)),
        )

    def trace(self, last: Iterable[Way]) -> Run:
        """Return the run to show of all the shortest ones that end with one of `last`, its nested runs opened."""
        return follow(self.system, [label for _, label in self.opened(self.outermost, last)])

    def opened(self, run: Procedure, last: Iterable[Way]) -> Opened:
        """Return the steps of the run to show within `run`, and in the nested runs that it calls."""

        def taken(way: Way) -> tuple[Hashable, Step]:
            state = run.found[way.origin]
            return state, expand(self.system, state)[way.rank]

        def inside(way: Way) -> Opened:
            nested = self.nested[self.system.called(*taken(way))]
            opened = nested.shown.get(way.inside)
            if opened is None:
                opened = nested.shown[way.inside] = self.opened(nested, _last(nested, way.inside))
            return opened

        steps: list[tuple[int, Hashable]] = []
        for way in first_run(run.ways, last, lambda way: (rank for rank, _ in inside(way))):
            steps.append((way.rank, taken(way)[1].label))
            steps.extend(inside(way) if way.inside is not None else ())
        return tuple(steps)


def _last(run: Procedure, inside: Hashable) -> Iterable[Way]:
    """Return the last steps of the shortest runs to what a nested run comes to."""
    match inside:
        case Nearest():
            return inside.ways
        case Property() if inside in run.broken.ways:
            return run.broken.ways[inside]
        case _:
            return run.ways[run.numbers[inside]]
