"""The states from which no goal can be reached any more (AG EF goal is violated there), also within nested runs.

A state of a nested run is hopeless where all the ends that it can still come to are. Which ends are, hangs on the run
that it cut in on: so the nearest hopeless state of a nested run is asked for by the ends that are hopeful there.

Where a search has not come to its end, what is found is hopeless for certain, but may not be the nearest: a state that
was not visited may lead anywhere, and so may one that calls a nested run of which not all ends are known.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ctxrace.core.nested import NestedSystem
from ctxrace.core.property import Property
from ctxrace.explore.expand import expand
from ctxrace.explore.procedure import Procedure
from ctxrace.explore.reaching import reaching
from ctxrace.explore.shortest import Way, cost

__all__ = ["Hopeless", "Nearest"]


@dataclass(frozen=True, slots=True, eq=False)
class Nearest:
    """The nearest hopeless states of a run: how far they are, and the last steps of the shortest runs to them.

    There are no last steps where the first state is hopeless itself.
    """

    length: int
    ways: tuple[Way, ...]


class Hopeless:
    """Find the states of `outermost`, and of the `nested` runs in it, from which no goal of `prop` is reached."""

    def __init__(
        self, system: NestedSystem[Any], outermost: Procedure, nested: Mapping[Hashable, Procedure], prop: Property
    ) -> None:
        self.system, self.outermost, self.nested, self.prop = system, outermost, nested, prop
        self._known: dict[tuple[int, frozenset[Hashable]], Nearest | None] = {}
        runs = (outermost, *nested.values())
        self._visited = {id(run): run.known() for run in runs}
        self._goals = self._find_goals(runs)

    def nearest(self) -> Nearest | None:
        """Return the nearest hopeless states of the outermost run; None where every state is hopeful."""
        if all(0 not in self._hopeful(run, frozenset(run.ends)) for run in (self.outermost, *self.nested.values())):
            return None  # then all ends of all nested runs are hopeful, wherever they were called from
        return self._nearest(self.outermost, frozenset())

    def _find_goals(self, runs: Sequence[Procedure]) -> dict[int, set[int]]:
        """Return of each run, by its id, the states that count as goals whatever the ends of the run are.

        Those are the goals in the run itself, and the states of which it is not known where all their steps lead. A
        state that calls a nested run with such a state in it is one, too, for the nested run can come to that.
        """
        goals = {
            id(run): set(range(len(run.found))) - self._visited[id(run)] - {run.numbers[end] for end in run.ends}
            | run.goals[self.prop]
            for run in runs
        }
        waiting = [run for run in runs if goals[id(run)]]
        while waiting:
            for call in waiting.pop().callers:
                calling = goals[id(call.caller)]
                if not calling:
                    waiting.append(call.caller)
                calling.add(call.number)
        return goals

    def _hopeful(self, run: Procedure, ends: frozenset[Hashable]) -> bytearray:
        goals = [*(run.numbers[end] for end in ends), *self._goals[id(run)]]
        assert run.edges is not None and run.origins is not None
        return reaching(len(run.found), run.origins, run.edges, goals)

    def _nearest(self, run: Procedure, ends: frozenset[Hashable]) -> Nearest | None:
        """Return the nearest hopeless states within `run`, of whose ends `ends` are hopeful."""
        key = (id(run), ends)
        if key not in self._known:
            self._known[key] = self._find(run, ends)
        return self._known[key]

    def _find(self, run: Procedure, ends: frozenset[Hashable]) -> Nearest | None:
        hopeful = self._hopeful(run, ends)
        lengths = run.lengths
        shortest: int | None = None
        ways: list[Way] = []
        for number in sorted(range(len(lengths)), key=lengths.__getitem__):
            if shortest is not None and lengths[number] > shortest:
                break
            if not hopeful[number]:
                found = [(lengths[number], way) for way in run.ways[number]]
                if not found:
                    return Nearest(0, ())
            else:
                found = list(self._within(run, number, hopeful))
            for length, way in found:
                if shortest is None or length < shortest:
                    shortest, ways = length, []
                if length == shortest:
                    ways.append(way)
        return None if shortest is None else Nearest(shortest, tuple(ways))

    def _within(self, run: Procedure, number: int, hopeful: bytearray) -> Iterable[tuple[int, Way]]:
        """Return the nearest hopeless states in the nested runs that are called from state `number`."""
        state = run.found[number]
        if number not in self._visited[id(run)]:
            return
        for rank, step in enumerate(expand(self.system, state)):
            start = self.system.called(state, step)
            if start is None:
                continue
            nested, numbers = self.nested[start], run.numbers
            back = {end: numbers[self.system.returned(step, end).state] for end in nested.ends}
            inside = self._nearest(nested, frozenset(end for end, to in back.items() if hopeful[to]))
            if inside is not None:
                yield run.lengths[number] + cost(step) + inside.length, Way(number, rank, inside)
