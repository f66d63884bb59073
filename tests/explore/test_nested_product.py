"""An observer of nested runs that are summed up: it gets as far, by the same run, as in the plain product."""

import random
from collections.abc import Iterable

import pytest

from ctxrace.core.facts.stop import StateLimit
from ctxrace.core.system import Step
from ctxrace.explore.nested_product import furthest
from ctxrace.explore.product import REACHED, ObserverState, Product, deepest
from ctxrace.explore.search import search
from ctxrace.explore.watch import Limits

from .nested_toys import AT_REST, Handlers, HandlersState, random_handlers

Wanted = tuple[int, int, int]
"""A step that is waited for: the level of who takes it, the level below (-1: none), and what is shared after it."""


def seen(state: HandlersState, step: Step, below: int) -> Wanted:
    under = state.stack[-2][0] if len(state.stack) > 1 else below
    return state.stack[-1][0], under, step.state.shared


class Waiting:
    """Wait for `wanted`, step by step; it may pass over a step that it could take.

    It remembers the levels of the steps taken, and in a nested run the level that this has cut in on.
    """

    def __init__(self, wanted: list[Wanted]) -> None:
        self.wanted, self.goal = wanted, len(wanted)

    def initial(self, _state: HandlersState) -> ObserverState:
        return ObserverState(0, (0, -1))

    def observe(self, state: HandlersState, step: Step, mark: ObserverState) -> Iterable[tuple[int, ObserverState]]:
        assert isinstance(mark.memory, tuple)
        levels, below = mark.memory
        level = state.stack[-1][0]
        if self.wanted[mark.progress] == seen(state, step, below):
            yield level, ObserverState(mark.progress + 1, (levels | 1 << level, below))
        yield level, mark

    def period(self, progress: int) -> int:
        return progress

    def bound(self, _progress: int) -> bool:
        return False

    def enter_nested(self, state: HandlersState, mark: ObserverState) -> ObserverState | None:
        assert isinstance(mark.memory, tuple)
        return None if state.stack == AT_REST else mark._replace(memory=(mark.memory[0], state.stack[-1][0]))

    def leave_nested(self, began: ObserverState, ended: ObserverState) -> ObserverState:
        assert isinstance(began.memory, tuple)
        assert isinstance(ended.memory, tuple)
        return ended._replace(memory=(ended.memory[0], began.memory[1]))


def random_wanted(rng: random.Random, system: Handlers) -> list[Wanted]:
    """Return steps of a random walk, in order or not."""
    state = system.initial()
    taken: list[Wanted] = []
    for _ in range(30):
        steps = list(system.steps(state))
        if not steps:
            break
        step = rng.choice(steps)
        taken.append(seen(state, step, -1))
        state = step.state
    picked = rng.choices(range(len(taken)), k=3)
    return [taken[number] for number in (sorted(picked) if rng.random() < 0.5 else picked)]


SEEDS = [pytest.param(seed, marks=[pytest.mark.slow] if seed >= 3 else []) for seed in range(40)]


@pytest.mark.parametrize("seed", SEEDS)
def test_as_far_as_in_the_plain_product_by_the_same_run(seed: int) -> None:
    rng = random.Random(seed)
    reached = [0] * 4
    for _ in range(100):
        system = random_handlers(rng, crashes=rng.random() < 0.3)
        observer = Waiting(random_wanted(rng, system))
        plain = deepest(Product(system, observer))
        found, shortest = furthest(system, observer)
        assert (found.progress, shortest) == (plain.progress, True)
        assert found.exhausted or found.progress == observer.goal
        reached[found.progress] += 1
        if not found.progress:
            assert not found.run
            continue
        run = search(Product(system, observer, found.progress)).runs[REACHED]
        assert [step[:4] for _, step in found.run] == [step[:4] for _, step in run]
        assert [state for state, _ in found.run] == [state for state, _ in run]
        if found.exhausted and found.progress < observer.goal:
            whole = {mark.memory for state, mark in found.nodes if state.stack[0][0] == 0}
            assert whole <= {mark.memory for _, mark in plain.nodes}
            assert {(state.shared, state.stack[-1]) for state, _ in found.nodes} == {
                (state.shared, state.stack[-1]) for state, _ in plain.nodes
            }
    assert all(reached[1:])


def test_a_limit_leaves_it_open_whether_it_gets_further() -> None:
    rng = random.Random(1)
    system = random_handlers(rng)
    found, _ = furthest(system, Waiting([(3, 3, 3)]), limits=Limits(max_states=1))
    assert (found.progress, found.exhausted, found.stopped) == (0, False, StateLimit(1))
