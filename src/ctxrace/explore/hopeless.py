"""The states from which no goal can be reached any more (AG EF goal is violated there), also within nested runs.

A state of a nested run is hopeless where all the ends that it can still come to are. Which ends are, hangs on the run
that it cut in on: so the nearest hopeless state of a nested run is asked for by the ends that are hopeful there.

Where a search has not come to its end, what is found is hopeless for certain, but may not be the nearest: a state that
was not visited may lead anywhere, and so may one that calls a nested run of which not all ends are known.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ctxrace.core.nested import NestedSystem
from ctxrace.explore.backwards import Backwards
from ctxrace.explore.expand import expand
from ctxrace.explore.procedure import Calls, Procedure
from ctxrace.explore.shortest import Way, Ways, cost

__all__ = ["Hopeless", "Nearest", "Runs"]


class Runs(NamedTuple):
    """What a search has found of the outermost run and of the nested runs that it calls.

    found, lengths, ways, run_of: by the numbers of states; edges: between them. open: states that were not visited, or
    call nested runs that have not been asked what they come to.
    """

    outermost: Procedure
    nested: Mapping[Hashable, Procedure]
    calls: Calls
    found: Sequence[Any]
    lengths: Sequence[int]
    ways: Ways
    run_of: Sequence[Procedure]
    edges: Sequence[int]
    open: frozenset[int]


@dataclass(frozen=True, slots=True, eq=False)
class Nearest:
    """The nearest hopeless states of a run: how far they are from its first one, and the last steps to them.

    There are no last steps where the first state is hopeless itself.
    """

    length: int
    ways: tuple[Way, ...]


class Hopeless:
    """Find the states of `runs` from which no goal is reached; goals: in the outermost run and in the nested ones."""

    def __init__(self, system: NestedSystem[Any], runs: Runs, goals: Iterable[int]) -> None:
        self.system, self.runs = system, runs
        self._known: dict[tuple[Procedure, frozenset[int]], Nearest | None] = {}
        self._edges = Backwards(len(runs.found), runs.edges)
        self._goals = self._find_goals({*goals, *runs.open})

    def nearest(self) -> Nearest | None:
        """Return the nearest hopeless states of the outermost run; None where every state is hopeful."""
        ends = (end for run in self.runs.nested.values() for end in run.ends)
        if 0 not in self._edges.reaching([*ends, *(goal for goals in self._goals.values() for goal in goals)]):
            return None  # then all ends of all nested runs are hopeful, wherever they were called from
        return self._nearest(self.runs.outermost, frozenset())

    def _find_goals(self, goals: set[int]) -> dict[Procedure, set[int]]:
        """Return of each run the states that count as goals whatever the ends of the run are.

        Those are the goals in the run itself, and the states of which it is not known where all their steps lead. A
        state that calls a nested run with such a state in it is one, too, for the nested run can come to that.
        """
        found: dict[Procedure, set[int]] = defaultdict(set)
        for goal in goals:
            found[self.runs.run_of[goal]].add(goal)
        waiting = list(found)
        while waiting:
            for call in waiting.pop().callers:
                calling = self.runs.calls.origin[call]
                caller = self.runs.run_of[calling]
                if caller not in found:
                    waiting.append(caller)
                found[caller].add(calling)
        return found

    def _hopeful(self, run: Procedure, ends: frozenset[int]) -> set[int]:
        hopeful: set[int] = set()
        waiting = [*ends, *self._goals.get(run, ())]
        while waiting:
            at = waiting.pop()
            if at not in hopeful:
                hopeful.add(at)
                waiting.extend(self._edges.before(at))
        return hopeful

    def _nearest(self, run: Procedure, ends: frozenset[int]) -> Nearest | None:
        """Return the nearest hopeless states within `run`, of whose ends `ends` are hopeful."""
        key = (run, ends)
        if key not in self._known:
            self._known[key] = self._find(run, ends)
        return self._known[key]

    def _find(self, run: Procedure, ends: frozenset[int]) -> Nearest | None:
        hopeful, lengths = self._hopeful(run, ends), self.runs.lengths
        assert run.first is not None
        shortest: int | None = None
        ways: list[Way] = []
        for number in sorted(run.numbers.values(), key=lengths.__getitem__):
            length = lengths[number] - lengths[run.first]
            if shortest is not None and length > shortest:
                break
            if number not in hopeful:
                found = [(length, way) for way in self.runs.ways[number]]
                if not found:
                    return Nearest(0, ())
            else:
                found = [(length + further, way) for further, way in self._within(run, number, hopeful)]
            for length, way in found:
                if shortest is None or length < shortest:
                    shortest, ways = length, []
                if length == shortest:
                    ways.append(way)
        return None if shortest is None else Nearest(shortest, tuple(ways))

    def _within(self, run: Procedure, number: int, hopeful: set[int]) -> Iterable[tuple[int, Way]]:
        """Return the nearest hopeless states in the nested runs that are called from state `number`."""
        system, state = self.system, self.runs.found[number]
        if number in self.runs.open or (run is not self.runs.outermost and system.ended(state)):
            return
        for rank, step in enumerate(expand(system, state)):
            begin = system.called(state, step)
            if begin is None:
                continue
            nested = self.runs.nested[begin.start]
            back = {end: system.returned(begin.below, self.runs.found[end]).state for end in nested.ends}
            inside = self._nearest(nested, frozenset(end for end, to in back.items() if run.numbers[to] in hopeful))
            if inside is not None:
                yield cost(step) + inside.length, Way(number, rank, inside)
