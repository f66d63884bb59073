"""The search that sums up nested runs: what a run does to its end is found once, for all states it is called from.

A procedure summary (Reps, Horwitz and Sagiv 1995; weighted: Reps, Schwoon, Jha and Melski 2005) says to which ends a
nested run can come and which properties it can break, each with the shortest length. To the run that it cut in on it
is one more step. So a nested run is not explored anew over every run that it may cut in on.
"""

from collections.abc import Hashable, Iterable
from dataclasses import replace
from typing import Any

from ctxrace.core.facts.stop import Stop
from ctxrace.core.nested import NestedSystem
from ctxrace.core.property import Expectation, Property
from ctxrace.core.system import Run, Step
from ctxrace.explore.expand import expand, follow
from ctxrace.explore.hopeless import Hopeless, Nearest, Runs
from ctxrace.explore.procedure import Calls, Opened, Procedure
from ctxrace.explore.search import MORE, Exploration, breaking
from ctxrace.explore.shortest import EVENT, ONE_STEP, SWITCH, Way, first_run
from ctxrace.explore.walk import Walk
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


class _Summarizing(Walk):
    """Visit the states of all runs in one walk. Calls wait among them: call number n as ~n, which is below 0.

    run_of: of each state, by number, the run to which it belongs.
    """

    system: NestedSystem[Any]

    def __init__(
        self, system: NestedSystem[Any], wanted: frozenset[Property], limits: Limits, progress: Progress | None
    ) -> None:
        self.requested = wanted
        self.possible = [prop for prop in system.properties if prop.expectation is Expectation.ALWAYS_POSSIBLE]
        self.nested: dict[Hashable, Procedure] = {}
        self.calls = Calls()
        self.length = 0
        self.interrupted = False
        self.enough: Exploration | None = None  # what was known when all that was wanted was decided
        super().__init__(system, keep_edges=bool(self.possible))
        self.outermost = Procedure(self.found[0])
        self.outermost.first, self.outermost.numbers, self.outermost.broken = 0, self.numbers, self.broken
        self.run_of = [self.outermost]
        self.watch = Watch(limits, progress)

    def wanted(self, number: int, key: int) -> bool:
        """Return whether that is a call, or a state to which no shorter way was found meanwhile."""
        return number < 0 or self.lengths[number] == key

    def run(self) -> Stop | None:
        """Visit the states of all runs by their length, and return the limit that ended it.

        A nested run is explored no further than its nearest caller needs it: what it comes to goes to all its callers
        as it is found.
        """
        while self.nearest is not None:
            self.length = self.nearest
            if self.requested and self.enough is None and self.requested <= self.broken.until(self.length):
                self.enough = self.so_far(None)
            if self.enough is not None and (not self.possible or self.states >= self.enough.states + MORE):
                return None
            while (number := self.following()) is not None:
                if number >= 0 and (stopped := self.watch.limit(self.states, len(self.found) + len(self.calls))):
                    return stopped
                self.interrupted = True
                if number < 0:
                    self.call(~number)
                else:
                    self.visit(number)
                self.interrupted = False
        return None

    def visit(self, number: int) -> None:
        """Take every step of a state, or hand it to the callers of its run, where it is an end of that."""
        system, state, run = self.system, self.found[number], self.run_of[number]
        if run is not self.outermost and system.ended(state):
            self.end(run, number)
            return
        length, numbers, reach, called = self.visiting(number), run.numbers, self.reach, system.called
        steps = expand(system, state)
        self.transitions += len(steps)
        for rank, step in enumerate(steps):
            _, there, switches, events, broken, witnessed = step
            after = length + switches * SWITCH + events * EVENT + 1
            for prop in broken:
                self.violate(run, prop, after, number, rank)
            begin = called(state, step)
            if begin is not None:
                call = self.calls.add(number, rank, after, self.nested_run(begin.start), begin.below, witnessed)
                self.wait(~call, after)
                continue
            to = reach(numbers, there, after, number, rank)
            if to == len(self.run_of):
                self.run_of.append(run)
            if witnessed:
                self.witness(witnessed, to)
        self.complete = len(self.visited)

    def nested_run(self, start: Hashable) -> Procedure:
        """Return the nested run that begins with `start`."""
        run = self.nested.get(start)
        if run is None:
            run = self.nested[start] = Procedure(start)
        return run

    def call(self, call: int) -> None:
        """Hand to a new caller of a nested run what that is known to come to."""
        run = self.calls.run[call]
        if run.first is None:
            run.first = self.begin(run.numbers, run.start, self.length)
            self.run_of.append(run)
        run.callers.append(call)
        if witnessed := self.calls.witnessed[call]:
            self.witness(witnessed, run.first)
        for prop, length in tuple(run.broken.lengths.items()):
            self.violate_outside(call, prop, length)
        for end in tuple(run.ends):
            self.come_back(call, end)

    def end(self, run: Procedure, number: int) -> None:
        """Hand an end of a nested run to all its callers."""
        if self.edges is not None:
            self.visited.append(number)
        run.ends.append(number)
        for call in run.callers:
            self.come_back(call, number)
        self.complete = len(self.visited)

    def come_back(self, call: int, end: int) -> None:
        """Let a caller go on after its nested run has come to state number `end`."""
        calls, length = self.calls, self.after(call, self.lengths[end])
        origin, rank = calls.origin[call], calls.rank[call]
        there, broken, witnessed = self.system.returned(calls.below[call], self.found[end])
        caller = self.run_of[origin]
        self.transitions += 1
        for prop in broken:
            self.violate(caller, prop, length, origin, rank, end)
        to = self.reach(caller.numbers, there, length, origin, rank, end)
        if to == len(self.run_of):
            self.run_of.append(caller)
        if witnessed:
            self.witness(witnessed, to)

    def after(self, call: int, length: int) -> int:
        """Return how far the caller is where the nested run of `call` is at `length`."""
        first = self.calls.run[call].first
        assert first is not None
        return self.calls.lengths[call] + length - self.lengths[first]

    def violate(
        self, run: Procedure, prop: Property, length: int, number: int, rank: int, inside: Hashable = ONE_STEP
    ) -> None:
        """Take note of a violation in `run`, and in all runs that called it."""
        if run.broken.note(prop, length, number, rank, inside):
            for call in run.callers:
                self.violate_outside(call, prop, length)

    def violate_outside(self, call: int, inside: Property, length: int) -> None:
        """Take note of what it is to a caller that its nested run breaks `inside`, which is at `length` then."""
        origin = self.calls.origin[call]
        prop = self.system.outside(self.found[origin], inside)
        if prop is not None:
            caller = self.run_of[origin]
            self.violate(caller, prop, self.after(call, length), origin, self.calls.rank[call], inside)

    def so_far(self, stopped: Stop | None) -> Exploration:
        """Return what is known of the invariants. stopped: the limit that ended the search, if one did."""
        runs = {prop: self.trace(last) for prop, last in self.broken.ways.items()}
        exhausted = self.nearest is None
        shortest = frozenset(runs) if exhausted else self.broken.until(self.length)
        return Exploration(self.states, self.transitions, self.watch.seconds(), exhausted, stopped, runs, shortest)

    def result(self, stopped: Stop | None) -> Exploration:
        """Return what was found. stopped: the limit that ended the search, if one did."""
        found = self.so_far(stopped) if self.enough is None else self.enough
        runs, shortest, possible = dict(found.runs), set(found.shortest), set()
        for prop in () if self.interrupted else self.possible:
            nearest = Hopeless(self.system, self.known(), self.goals[prop]).nearest()
            if nearest is not None:
                runs[prop] = breaking(self.trace(nearest.ways), prop)
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
            summed_up=True,
        )

    def known(self) -> Runs:
        """Return what was found, to ask of which states no goal can be reached."""
        assert self.edges is not None
        asked = {call for run in self.nested.values() for call in run.callers}
        waiting = (origin for call, origin in enumerate(self.calls.origin) if call not in asked)
        found = (self.calls, self.found, self.lengths, self.ways, self.run_of, self.edges)
        return Runs(self.outermost, self.nested, *found, frozenset([*self.unvisited(), *waiting]))

    def trace(self, last: Iterable[Way]) -> Run:
        """Return the run to show of all the shortest ones that end with one of `last`, its nested runs opened."""
        return follow(self.system, [label for _, label in self.opened(self.outermost, last)])

    def opened(self, run: Procedure, last: Iterable[Way]) -> Opened:
        """Return the steps of the run to show within `run`, and in the nested runs that it calls."""

        def taken(way: Way) -> tuple[Hashable, Step]:
            state = self.found[way.origin]
            return state, expand(self.system, state)[way.rank]

        def inside(way: Way) -> Opened:
            begin = self.system.called(*taken(way))
            assert begin is not None
            nested = self.nested[begin.start]
            opened = nested.shown.get(way.inside)
            if opened is None:
                opened = nested.shown[way.inside] = self.opened(nested, self.last(nested, way.inside))
            return opened

        assert run.first is not None
        steps: list[tuple[int, Hashable]] = []
        for way in first_run(self.ways, run.first, last, lambda way: (rank for rank, _ in inside(way))):
            steps.append((way.rank, taken(way)[1].label))
            steps.extend(inside(way) if way.inside != ONE_STEP else ())
        return tuple(steps)

    def last(self, run: Procedure, inside: Hashable) -> Iterable[Way]:
        """Return the last steps of the shortest runs to what a nested run comes to."""
        match inside:
            case int():
                return self.ways[inside]
            case Property():
                return run.broken.ways[inside]
            case Nearest():
                return inside.ways
        raise AssertionError(inside)
