"""How far an observer can be brought: when the search for it ends, and what it says then."""

import gc
from collections.abc import Hashable, Iterable
from typing import Any

import pytest
from tests.explore.toys import Edge, Endless, Graph, chain

from ctxrace.core.facts.stop import Interrupted, StateLimit, Stop, TimeLimit
from ctxrace.core.system import Step, System
from ctxrace.explore.product import Deepest, ObserverState, Product, deepest
from ctxrace.explore.search import Limits, search


class Counting:
    """An observer that waits for `goal` steps, whichever they are."""

    def __init__(self, goal: int) -> None:
        self.goal = goal

    def initial(self, _state: Hashable) -> ObserverState:
        return ObserverState(0)

    def observe(
        self, _state: Hashable, _step: Step, mark: ObserverState
    ) -> Iterable[tuple[Hashable, ObserverState]]:
        return [("anybody", ObserverState(mark.progress + 1))]

    def period(self, progress: int) -> int:
        return progress

    def bound(self, _progress: int) -> bool:
        return False


def furthest(system: System[Any], goal: int, limits: Limits | None = None) -> Deepest:
    return deepest(Product(system, Counting(goal)), limits)


def summary(found: Deepest) -> tuple[int, int, int, bool, Stop | None]:
    assert len(found.run) == found.progress
    return found.progress, found.states, found.transitions, found.exhausted, found.stopped


def test_as_far_as_the_goal() -> None:
    assert summary(furthest(Endless(), 3)) == (3, 3, 3, False, None)


def test_as_far_as_there_are_steps() -> None:
    assert summary(furthest(chain(5), 9)) == (4, 5, 4, True, None)


def test_limit_of_states() -> None:
    found = furthest(Endless(), 10_000, Limits(max_states=1_000))
    assert summary(found) == (1_000, 1_000, 1_000, False, StateLimit(1_000))


def test_states_that_wait_are_not_counted() -> None:
    """The limit is one of states visited alone, unlike in the search for the shortest run."""
    fan = Graph({"0": [Edge(str(n)) for n in range(1, 21)]})
    assert search(fan, limits=Limits(max_states=2)).states == 1
    assert summary(furthest(fan, 9, Limits(max_states=2))) == (1, 2, 20, False, StateLimit(2))


def test_timeout_of_nothing() -> None:
    """No state is visited."""
    assert summary(furthest(chain(5), 9, Limits(timeout=0))) == (0, 0, 0, False, TimeLimit(0))


@pytest.mark.parametrize("collecting", [True, False])
def test_interrupted_inside_a_system(collecting: bool) -> None:
    """At the steps of 3: that state is the fourth visited, and three steps were taken."""

    while_searching: list[bool] = []

    def press(number: int) -> None:
        while_searching.append(gc.isenabled())
        if number == 3:
            raise KeyboardInterrupt

    if not collecting:
        gc.disable()
    try:
        assert summary(furthest(Endless(press), 9)) == (3, 4, 3, False, Interrupted())
        assert not any(while_searching[:4])  # what comes after that rebuilds the run
        assert gc.isenabled() == collecting
    finally:
        gc.enable()
