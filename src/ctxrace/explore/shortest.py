"""The shortest runs to the states of a graph, and which of them is shown.

Length is counted in switches, then in events, then in steps of any kind. Of several shortest runs the first in
lexicographic order is shown: where two runs part, the one that takes the step which the system names first. So the
run to show is a function of the system alone, and every engine shows the same one.
"""

from array import array
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import NamedTuple

from ctxrace.core.property import Property
from ctxrace.core.system import Step

__all__ = ["EVENT", "ONE_STEP", "SWITCH", "Violations", "Way", "Ways", "cost", "first_run"]

SWITCH = 1 << 44
"""The length of a switch, which outweighs four million events."""

EVENT = 1 << 22
"""The length of an event, which outweighs four million steps; that of a step is 1."""

ONE_STEP = -1
"""In the place of what a nested run comes to: a step that begins none."""

_NONE = -1
"""In the place of the state to which the last step of a run leads, and of a way where there are no more."""


def cost(step: Step) -> int:
    """Return the length of `step`. It is never 0, so that shortest runs have no cycles."""
    return step.switches * SWITCH + step.events * EVENT + 1


class Way(NamedTuple):
    """The last step of a run: step number `rank` of state number `origin`.

    inside: where that step begins a nested run, what this run comes to: the number of its end, or whatever else the
    engine names; `ONE_STEP` where it begins none.
    """

    origin: int
    rank: int
    inside: Hashable = ONE_STEP


class Ways:
    """Of each state, by number, the last steps of the shortest runs to it."""

    def __init__(self) -> None:
        # A linked list for each state, in arrays: with many states, tuples would need the memory.
        self._newest, self._older = array("i"), array("i")
        self._origin, self._rank, self._inside = array("I"), array("I"), array("i")

    def begin(self) -> None:
        """Take note that runs begin in the next state."""
        self._newest.append(_NONE)

    def add(self, origin: int, rank: int, inside: int = ONE_STEP) -> None:
        """Take note of the only way to the next state."""
        self._newest.append(len(self._origin))
        self._older.append(_NONE)
        self._origin.append(origin)
        self._rank.append(rank)
        self._inside.append(inside)

    def replace(self, number: int, origin: int, rank: int, inside: int = ONE_STEP) -> None:
        """Take note of a way to a state that is shorter than those before."""
        self._newest[number] = _NONE
        self.also(number, origin, rank, inside)

    def also(self, number: int, origin: int, rank: int, inside: int = ONE_STEP) -> None:
        """Take note of a way to a state that is as short as those before."""
        self._older.append(self._newest[number])
        self._newest[number] = len(self._origin)
        self._origin.append(origin)
        self._rank.append(rank)
        self._inside.append(inside)

    def __getitem__(self, number: int) -> Iterator[Way]:
        at = self._newest[number]
        while at != _NONE:
            yield Way(self._origin[at], self._rank[at], self._inside[at])
            at = self._older[at]


class Violations:
    """Of each property found broken the shortest length of a violation, and the last steps of all runs as short."""

    __slots__ = ("lengths", "ways")

    def __init__(self) -> None:
        self.lengths: dict[Property, int] = {}
        self.ways: dict[Property, list[Way]] = {}

    def note(self, prop: Property, length: int, origin: int, rank: int, inside: Hashable = ONE_STEP) -> bool:
        """Take note that `prop` is broken after `length`, by step number `rank` of state `origin` or `inside` of it.

        Returns whether all violations of it were longer before.
        """
        known = self.lengths.get(prop)
        if known is None or length < known:
            self.lengths[prop], self.ways[prop] = length, [Way(origin, rank, inside)]
            return True
        if length == known:
            self.ways[prop].append(Way(origin, rank, inside))
        return False

    def until(self, length: int) -> frozenset[Property]:
        """Return the properties that no run longer than `length` breaks by a shorter way."""
        return frozenset(prop for prop, known in self.lengths.items() if known <= length)


def first_run(
    ways: Ways, start: int, last: Iterable[Way], inside: Callable[[Way], Iterable[int]] = lambda _: ()
) -> list[Way]:
    """Return the steps of the run to show, of all shortest ones from state `start` that end with one of `last`.

    inside: the ranks of the steps within the nested run that a way begins.
    """
    onward: dict[int, list[tuple[Way, int]]] = {}  # for each state on a shortest run, how it goes on, and to where
    waiting = [(way, _NONE) for way in last]
    while waiting:
        way, to = waiting.pop()
        if way.origin not in onward:
            onward[way.origin] = []
            waiting.extend((before, way.origin) for before in ways[way.origin])
        onward[way.origin].append((way, to))
    undecided = {number: sum(to != _NONE for _, to in ahead) for number, ahead in onward.items()}
    ready = [number for number, after in undecided.items() if not after]
    choice: dict[int, tuple[Way, int]] = {}

    def ranks(way: Way, to: int) -> Iterator[int]:
        while True:
            yield way.rank
            if way.inside != ONE_STEP:
                yield from inside(way)
            if to == _NONE:
                return
            way, to = choice[to]

    while ready:  # from the end to the start: a state is decided once all that may come after it is
        number = ready.pop()
        lowest = min(way.rank for way, _ in onward[number])
        best, *others = (ahead for ahead in onward[number] if ahead[0].rank == lowest)
        for other in others:
            if _comes_first(ranks(*other), ranks(*best)):
                best = other
        choice[number] = best
        for before in ways[number]:
            undecided[before.origin] -= 1
            if not undecided[before.origin]:
                ready.append(before.origin)
    run: list[Way] = []
    at = start
    while choice and at != _NONE:
        way, at = choice[at]
        run.append(way)
    return run


def _comes_first(one: Iterator[int], other: Iterator[int]) -> bool:
    """Return whether `one` comes before `other`, which is as long, in lexicographic order."""
    return next((a < b for a, b in zip(one, other, strict=True) if a != b), False)
