"""The one loop in which states are found and visited; engines differ in which state comes next.

A state gets a number when it is found. What is known of it stands in arrays, at its number: how far it is, and the last
steps of the shortest runs to it (`ctxrace.explore.shortest`).
"""

from array import array
from collections.abc import Hashable, Iterable, Iterator
from heapq import heappop, heappush
from typing import Any

from ctxrace.core.property import Expectation, Property
from ctxrace.core.system import Run, System
from ctxrace.explore.backwards import edge
from ctxrace.explore.expand import expand
from ctxrace.explore.shortest import ONE_STEP, Violations, Way, Ways, cost, first_run

__all__ = ["Walk"]


class Walk:
    """Visit the states of `system`, nearest first, as Dijkstra's algorithm does.

    states, transitions: states visited, and steps taken from them. found: all states by number; lengths, ways: how far
    each is, and the shortest ways to it. numbers: of the states found.
    broken: of each invariant the shortest violations seen.
    witnessed: the properties of which a step was a witness; goals: of those that must always be possible, the goals.
    visited: the numbers of the states visited; complete: how many of those have taken all their steps, which the last
    one has not where it was interrupted. edges: the steps from one state to another, as `edge` writes them. Both are
    kept where it is asked which states lead to goals.
    """

    def __init__(self, system: System[Any], *, keep_edges: bool = False) -> None:
        self.system = system
        self.states = self.transitions = self.complete = 0
        self.broken = Violations()
        self.witnessed: set[Property] = set()
        possible = (prop for prop in system.properties if prop.expectation is Expectation.ALWAYS_POSSIBLE)
        self.goals: dict[Property, set[int]] = {prop: {0} for prop in possible}
        self.found: list[Any] = []
        self.lengths, self.ways = array("q"), Ways()
        self.visited, self.edges = array("I"), array("Q") if keep_edges else None
        self._waiting: dict[int, list[int]] = {}
        self._next: dict[int, Iterator[int]] = {}
        self._keys: list[int] = []  # of `_waiting`, as a heap: states of one key wait in a list, in the order found
        self.numbers: dict[Hashable, int] = {}
        self.begin(self.numbers, system.initial(), 0)

    # What engines decide.

    def wanted(self, number: int, key: int) -> bool:
        """Return whether a state that has waited by `key` is to be visited: no shorter way was found meanwhile."""
        return self.lengths[number] == key

    def shortens(self) -> bool:
        """Return whether a state that is found again by a shorter way waits by that one, and ways as short count."""
        return True

    def wait(self, number: int, key: int) -> None:
        """Let a state wait to be visited, by how far it is: of those that wait, one with the lowest key comes next."""
        waiting = self._waiting.get(key)
        if waiting is None:
            waiting = self._waiting[key] = []
            self._next[key] = iter(waiting)  # sees what is appended while it is walked
            heappush(self._keys, key)
        waiting.append(number)

    # How it goes on.

    @property
    def nearest(self) -> int | None:
        """The lowest key of all that wait; None where the walk is over."""
        return self._keys[0] if self._keys else None

    def following(self) -> int | None:
        """Return the state to be visited next; None where the walk, or the lowest key, is over."""
        key = self._keys[0]
        for number in self._next[key]:
            if self.wanted(number, key):
                return number
        del self._waiting[heappop(self._keys)], self._next[key]
        return None

    def unvisited(self) -> Iterator[int]:
        """Return the states found of which not all steps have been taken."""
        waits = bytearray(b"\x01") * len(self.found)
        for number in self.visited[: self.complete]:
            waits[number] = 0
        return (number for number, whether in enumerate(waits) if whether)

    def visit(self, number: int) -> None:
        """Take every step of a state."""
        length = self.visiting(number)
        for rank, step in enumerate(expand(self.system, self.found[number])):
            self.transitions += 1
            after = length + cost(step)
            known = self.reach(self.numbers, step.state, after, number, rank)
            for prop in step.broken:
                self.broken.note(prop, after, number, rank)
            if step.witnessed:
                self.witness(step.witnessed, known)
        self.complete = len(self.visited)

    def visiting(self, number: int) -> int:
        """Take note that a state is visited, and return how far it is."""
        self.states += 1
        if self.edges is not None:
            self.visited.append(number)
        return self.lengths[number]

    def begin(self, numbers: dict[Hashable, int], state: Hashable, length: int) -> int:
        """Take in a state in which runs begin, `length` from the beginning, and return its number."""
        number = numbers[state] = len(self.found)
        self.found.append(state)
        self.lengths.append(length)
        self.ways.begin()
        self.wait(number, length)
        return number

    def reach(
        self, numbers: dict[Hashable, int], state: Hashable, length: int, origin: int, rank: int, inside: int = ONE_STEP
    ) -> int:
        """Take note of a way to `state` (see `Way`), which gets a number when it is found, and return that.

        numbers: of the states found of its run.
        """
        known = numbers.get(state)
        if known is None:
            known = numbers[state] = len(self.found)
            self.found.append(state)
            self.lengths.append(length)
            self.ways.add(origin, rank, inside)
            self.wait(known, length)
        elif length <= self.lengths[known] and self.shortens():
            if length < self.lengths[known]:
                self.lengths[known] = length
                self.ways.replace(known, origin, rank, inside)
                self.wait(known, length)
            else:
                self.ways.also(known, origin, rank, inside)
        if self.edges is not None:
            self.edges.append(edge(origin, known))
        return known

    def witness(self, witnessed: Iterable[Property], number: int) -> None:
        """Take note of what a step to a state has witnessed."""
        for prop in witnessed:
            goals = self.goals.get(prop)
            if goals is None:
                self.witnessed.add(prop)
            else:
                goals.add(number)

    def trace(self, last: Iterable[Way]) -> Run:
        """Return the run to show of all the shortest ones that end with one of `last`."""
        run: Run = []
        for way in first_run(self.ways, 0, last):
            state = self.found[way.origin]
            run.append((state, expand(self.system, state)[way.rank]))
        return run
