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
from ctxrace.explore.hopeless import Hopeless, Nearest
from ctxrace.explore.procedure import Call, Opened, Procedure, Queue
from ctxrace.explore.search import MORE, Exploration, breaking
from ctxrace.explore.shortest import EVENT, SWITCH, Way, first_run
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
    try:
        return running.result(undisturbed(running.run))
    finally:
        running.queue.clear()  # runs know it, so that what still waits in it would be a cycle


class _Summarizing:
    def __init__(
        self, system: NestedSystem[Any], wanted: frozenset[Property], limits: Limits, progress: Progress | None
    ) -> None:
        self.system, self.wanted = system, wanted
        self.possible = [prop for prop in system.properties if prop.expectation is Expectation.ALWAYS_POSSIBLE]
        self.queue = Queue()
        self.nested: dict[Hashable, Procedure] = {}
        self.outermost = self.procedure(system.initial(), 0)
        self.outermost.witness(self.possible, 0)
        self.length = self.states = 0
        self.exhausted = self.interrupted = False
        self.enough: Exploration | None = None  # what was known when all that was wanted was decided
        self.watch = Watch(limits, progress)

    def procedure(self, start: Hashable, offset: int) -> Procedure:
        return Procedure(self.system, start, offset, self.queue, keep_edges=bool(self.possible))

    def run(self) -> Stop | None:
        """Visit the states of all runs by their length, and return the limit that ended it.

        A nested run is explored no further than its nearest caller needs it: what it comes to goes to all its callers
        as it is found.
        """
        for length, waiting in self.queue.levels():
            self.length = length
            if self.wanted and self.enough is None and self.wanted <= self.outermost.broken.until(self.length):
                self.enough = self.so_far(None)
            if self.enough is not None and (not self.possible or self.states >= self.enough.states + MORE):
                return None
            for one in waiting:
                self.interrupted = True
                if isinstance(one, Call):
                    self.call(one)
                elif one[0].offset + one[0].lengths[one[1]] == length:  # no shorter way was found meanwhile
                    if stopped := self.watch.limit(self.states, self.queue.taken):
                        self.interrupted = False
                        return None if self.enough is not None else stopped
                    self.visit(*one)
                self.interrupted = False
        self.exhausted = True
        return None

    def visit(self, run: Procedure, number: int) -> None:
        """Take every step of a state, or hand it to the callers of its run, where it is an end of that."""
        system, reach, called, state = self.system, run.reach, self.system.called, run.found[number]
        if run is not self.outermost and system.ended(state):
            run.ends[state] = run.lengths[number]
            for call in run.callers:
                self.come_back(call, state, run.lengths[number])
            return
        self.states += 1
        length = run.begin(number)
        steps = expand(system, state)
        run.transitions += len(steps)
        for rank, step in enumerate(steps):
            _, there, switches, events, broken, witnessed = step
            after = length + switches * SWITCH + events * EVENT + 1
            for prop in broken:
                self.violate(run, prop, after, number, rank)
            start = called(state, step)
            if start is not None:
                run.waiting_calls[number] += 1
                self.queue.put(run.offset + after, Call(run, number, rank, step, after, start))
                continue
            to = reach(there, after, number, rank)
            if witnessed:
                run.witness(witnessed, to)
        run.complete = len(run.visited)

    def call(self, call: Call) -> None:
        """Hand to a new caller of a nested run what that is known to come to."""
        run = self.nested.get(call.start)
        if run is None:
            run = self.nested[call.start] = self.procedure(call.start, self.length)
        run.callers.append(call)
        call.caller.waiting_calls[call.number] -= 1
        if call.step.witnessed:
            run.witness(call.step.witnessed, 0)
        for prop, inside in tuple(run.broken.lengths.items()):
            self.violate_outside(call, prop, inside)
        for end, inside in tuple(run.ends.items()):
            self.come_back(call, end, inside)

    def come_back(self, call: Call, end: Hashable, inside: int) -> None:
        """Let a caller go on after its nested run has come to `end`, `inside` long."""
        there, broken, witnessed = self.system.returned(call.step, end)
        caller, length = call.caller, call.length + inside
        caller.transitions += 1
        for prop in broken:
            self.violate(caller, prop, length, call.number, call.rank, end)
        to = caller.reach(there, length, call.number, call.rank, end)
        if witnessed:
            caller.witness(witnessed, to)

    def violate(
        self, run: Procedure, prop: Property, length: int, number: int, rank: int, inside: Hashable = None
    ) -> None:
        """Take note of a violation in `run`, and in all runs that called it."""
        if run.broken.note(prop, length, number, rank, inside):
            for call in run.callers:
                self.violate_outside(call, prop, length)

    def violate_outside(self, call: Call, inside: Property, length: int) -> None:
        """Take note of what it is to a caller that its nested run breaks `inside`, after `length` of its own."""
        caller = call.caller
        prop = self.system.outside(caller.found[call.number], inside)
        if prop is not None:
            self.violate(caller, prop, call.length + length, call.number, call.rank, inside)

    def so_far(self, stopped: Stop | None) -> Exploration:
        """Return what is known of the invariants. stopped: the limit that ended the search, if one did."""
        found, (states, transitions) = self.outermost.broken, self.size()
        runs = {prop: self.trace(last) for prop, last in found.ways.items()}
        shortest = frozenset(runs) if self.exhausted else found.until(self.length)
        return Exploration(states, transitions, self.watch.seconds(), self.exhausted, stopped, runs, shortest)

    def size(self) -> tuple[int, int]:
        """Return how many states were visited, and how many steps were taken from them."""
        return self.states, sum(walk.transitions for walk in (self.outermost, *self.nested.values()))

    def result(self, stopped: Stop | None) -> Exploration:
        """Return what was found. stopped: the limit that ended the search, if one did."""
        found = self.so_far(stopped) if self.enough is None else self.enough
        runs, shortest, possible = dict(found.runs), set(found.shortest), set()
        for prop in () if self.interrupted else self.possible:
            nearest = Hopeless(self.system, self.outermost, self.nested, prop).nearest()
            if nearest is not None:
                runs[prop] = breaking(self.trace(nearest.ways), prop)
                shortest |= {prop} if self.exhausted else set()
            elif self.exhausted:
                possible.add(prop)
        states, transitions = self.size()
        return replace(
            found,
            runs=runs,
            shortest=frozenset(shortest),
            witnessed=frozenset().union(*(walk.witnessed for walk in (self.outermost, *self.nested.values()))),
            possible=frozenset(possible),
            all_states=states,
            all_transitions=transitions,
            summed_up=True,
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
