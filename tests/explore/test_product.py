"""How far an observer can be brought: when the search for it ends, and what it says then."""

import gc
from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import pytest
from tests.explore.toys import Edge, Endless, Graph, chain

from ctxrace.core.facts.stop import Interrupted, StateLimit, Stop, TimeLimit
from ctxrace.core.system import Step, System
from ctxrace.explore.product import REACHED, Deepest, Label, ObserverState, Product, deepest, inner
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


# What it reads, and what dominates what


class Following:
    """An observer that waits for steps to states of `way`, in order; any of each group will do.

    at_once: after so much progress the very next step must be the one that is waited for. phases: whether each amount
    of progress is a phase of its own.
    """

    def __init__(self, *way: str, at_once: Sequence[int] = (), phases: bool = False) -> None:
        self.way, self.at_once, self.phases = way, at_once, phases
        self.goal = len(way)

    def initial(self, state: Hashable) -> ObserverState:
        return ObserverState(0, ("from", state))

    def observe(self, state: Hashable, step: Step, mark: ObserverState) -> Iterable[tuple[Hashable, ObserverState]]:
        assert str(step.label).startswith(f"{state} to {step.state} #")
        found: list[tuple[Hashable, ObserverState]] = []
        if str(step.state) in self.way[mark.progress]:
            found.append(("taker", mark._replace(progress=mark.progress + 1)))
        if not self.bound(mark.progress):
            found.append(("other", mark))
        return found

    def period(self, progress: int) -> int:
        return progress if self.phases else progress * 0

    def bound(self, progress: int) -> bool:
        return progress in self.at_once and progress + 1 > 0


def seen(progress: int) -> ObserverState:
    return ObserverState(progress, ("from", "s"))


def test_steps_are_those_of_the_system_for_each_who_may_have_taken_it() -> None:
    graph = Graph({"s": [Edge("a", 2, 3), Edge("b")], "a": [Edge("b")], "b": [Edge("a")]})
    product = Product(graph, Following("a", "b"), 1)
    start = product.initial()
    assert start == ("s", seen(0))
    assert product.steps(start) == [
        Step(Label("s to a #0", "taker", seen(1)), ("a", seen(1)), 2, 3, (REACHED,)),
        Step(Label("s to a #0", "other", seen(0)), ("a", seen(0)), 2, 3, ()),
        Step(Label("s to b #1", "other", seen(0)), ("b", seen(0)), 0, 1, ()),
    ]
    assert product.steps(("a", seen(1))) == []  # the goal is an end
    whole = Product(graph, Following("a", "b"))
    assert [step.broken for step in whole.steps(start)] == [(), (), ()]
    assert [step.broken for step in whole.steps(("a", seen(1)))] == [(REACHED,), ()]
    assert inner(product.steps(start)[0]) == Step("s to a #0", "a", 2, 3, ())


LOOP = Graph({"s": [Edge("a"), Edge("b")], "a": [Edge("c")], "b": [Edge("c")], "c": [Edge("d")]})


@pytest.mark.parametrize(
    ("observer", "expected", "furthest"),
    [
        # s; a, c and d with the step to a; b. With it, a and c are not visited again without.
        (Following("a", "-"), (1, 5, 6, True, None), "acd"),
        (Following("a", "-", phases=True), (1, 8, 8, True, None), "acd"),
        # At a it could only go on to d at once: so a, c and d are visited without the step, too.
        (Following("a", "d", at_once=[1]), (1, 6, 6, True, None), "a"),
    ],
    ids=["one phase", "phases", "at once"],
)
def test_more_progress_dominates_less_within_a_phase(
    observer: Following, expected: tuple[int, int, int, bool, Stop | None], furthest: str
) -> None:
    found = deepest(Product(LOOP, observer))
    assert summary(found) == expected
    assert found.nodes == tuple((state, seen(1)) for state in furthest)
    assert [step.label for _, step in found.run] == [Label("s to a #0", "taker", seen(1))]


def test_the_way_that_was_found_first_stays() -> None:
    """z is found over y, where the observer is further, before it is found over w, which is shorter."""
    graph = Graph({"s": [Edge("y", events=10), Edge("w")], "y": [Edge("z")], "w": [Edge("z")], "z": [Edge("t")]})
    found = deepest(Product(graph, Following("yz", "t", "-")))
    assert [step.state[0] for _, step in found.run] == ["y", "z", "t"]
    assert (found.progress, found.nodes) == (2, (("t", seen(2)),))


def test_it_tells_how_far_it_is() -> None:
    told: list[int] = []
    deepest(Product(Endless(), Counting(10_000)), Limits(max_states=3_000), lambda states, _: told.append(states))
    assert told and told == sorted(told)
    assert told[-1] <= 3_000
