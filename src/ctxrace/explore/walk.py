"""The one loop in which states are found and visited; engines differ in which state comes next.

A state gets a number when it is found. What is known of it stands in arrays, at its number: the length of the way to
it, the state before it, and which of that one's steps leads to it. Lengths are counted in switches first, then in
events, both packed into one number.
"""

from array import array
from collections.abc import Hashable, Iterator
from heapq import heappop, heappush
from typing import Any

from ctxrace.core.property import Expectation, Property
from ctxrace.core.system import Run, Step, System
from ctxrace.explore.expand import expand

__all__ = ["SWITCH", "Walk"]

SWITCH = 1 << 32
"""The length of a switch, which outweighs any number of events; that of an event is 1."""

_NOTHING_BEFORE = 0  # the initial state has number 0, and its way is never followed further


class Walk:
    """Visit the states of `system`, nearest first, as Dijkstra's algorithm does.

    states, transitions: states visited, and steps taken from them. found: all states by number.
    broken: of each invariant the shortest step seen that breaks it, its length and the state before it.
    witnessed: the properties of which a step was a witness; goals: of those that must always be possible, the goals.
    edges: the numbers of the states to which each visited state leads, in the order of `visited`; None: not kept.
    """

    def __init__(self, system: System[Any], *, keep_edges: bool = False) -> None:
        self.system = system
        self.states = self.transitions = 0
        self.broken: dict[Property, tuple[int, int, Step]] = {}
        self.witnessed: set[Property] = set()
        possible = (prop for prop in system.properties if prop.expectation is Expectation.ALWAYS_POSSIBLE)
        self.goals: dict[Property, set[int]] = {prop: {0} for prop in possible}
        start = system.initial()
        self.numbers: dict[Hashable, int] = {start: 0}
        self.found: list[Any] = [start]
        self.lengths, self.before, self.way = array("q", [0]), array("I", [_NOTHING_BEFORE]), array("I", [0])
        self.visited, self.first_edge, self.edges = array("I"), array("Q"), array("I") if keep_edges else None
        self._waiting: dict[int, list[int]] = {}
        self._next: dict[int, Iterator[int]] = {}
        self._keys: list[int] = []  # of `_waiting`, as a heap: states of one key wait in a list, in the order found
        self.wait(0, self.key(0))

    # What engines decide.

    def key(self, number: int) -> int:
        """Return what a state waits by: of those that wait, one with the lowest is visited next."""
        return self.lengths[number]

    def wanted(self, number: int, key: int) -> bool:
        """Return whether a state that has waited by `key` is to be visited: no shorter way was found meanwhile."""
        return self.lengths[number] == key

    def shortens(self) -> bool:
        """Return whether a state that is found again by a shorter way waits by that one."""
        return True

    # How it goes on.

    def wait(self, number: int, key: int) -> None:
        """Let a state wait to be visited."""
        waiting = self._waiting.get(key)
        if waiting is None:
            waiting = self._waiting[key] = []
            self._next[key] = iter(waiting)  # sees what is appended while it is walked
            heappush(self._keys, key)
        waiting.append(number)

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

    def visit(self, number: int) -> None:
        """Take every step of a state."""
        self.states += 1
        length, lengths, numbers = self.lengths[number], self.lengths, self.numbers
        edges = self.edges
        if edges is not None:
            self.visited.append(number)
            self.first_edge.append(len(edges))
        for way, step in enumerate(expand(self.system, self.found[number])):
            self.transitions += 1
            _, state, switches, events, broken, witnessed = step
            after = length + switches * SWITCH + events
            known = numbers.get(state)
            if known is None:
                known = numbers[state] = len(self.found)
                self.found.append(state)
                lengths.append(after)
                self.before.append(number)
                self.way.append(way)
                self.wait(known, self.key(known))
            elif after < lengths[known] and self.shortens():
                lengths[known], self.before[known], self.way[known] = after, number, way
                self.wait(known, self.key(known))
            if edges is not None:
                edges.append(known)
            for prop in broken:
                if prop not in self.broken or after < self.broken[prop][0]:
                    self.broken[prop] = (after, number, step)
            for prop in witnessed:
                goals = self.goals.get(prop)
                if goals is None:
                    self.witnessed.add(prop)
                else:
                    goals.add(known)

    def trace(self, number: int) -> Run:
        """Return the steps from the initial state to a state, by the shortest way that was found."""
        run: Run = []
        while number:
            before = self.before[number]
            state = self.found[before]
            run.append((state, expand(self.system, state)[self.way[number]]))
            number = before
        return run[::-1]
