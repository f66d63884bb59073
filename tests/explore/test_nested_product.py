"""An observer of nested runs that are summed up: it gets as far, by the same run, as in the plain product."""

import random
from collections.abc import Hashable, Iterable

import pytest

from ctxrace.core.facts.stop import Interrupted, StateLimit, Stop
from ctxrace.core.nested import Begin
from ctxrace.core.system import Step
from ctxrace.explore import watch
from ctxrace.explore.nested_product import furthest
from ctxrace.explore.product import REACHED, Label, ObserverState, Product, deepest
from ctxrace.explore.search import search
from ctxrace.explore.shortest import cost
from ctxrace.explore.watch import Limits

from .nested_toys import AT_REST, Act, Handlers, HandlersState, Program, random_handlers

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

    def initial(self, state: HandlersState) -> ObserverState:
        assert state.stack == AT_REST
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


class Labelled(Handlers):
    """A task that takes two steps, over each of which a handler takes three. It looks at the labels of its steps."""

    def __init__(self) -> None:
        programs = ([Act(1, 0), Act(None, 0)], [Act(1, 0), Act(2, 0), Act(None, 0)])
        super().__init__([Program({(place, 0): [act] for place, act in enumerate(acts)}) for acts in programs])

    def called(self, state: HandlersState, step: Step) -> Begin | None:
        assert (step.label, step.state) in [(other.label, other.state) for other in self.steps(state)]
        return super().called(state, step)


class Counting:
    """Count the steps of the task, up to `goal`, from `first` on."""

    def __init__(self, goal: int, first: int = 0) -> None:
        self.goal, self.first = goal, first

    def initial(self, _state: HandlersState) -> ObserverState:
        return ObserverState(self.first)

    def observe(
        self, state: HandlersState, _step: Step, mark: ObserverState
    ) -> Iterable[tuple[Hashable, ObserverState]]:
        counts = state.stack[-1][0] == 0 and state.stack != AT_REST
        return [("anybody", mark._replace(progress=mark.progress + counts))]

    def period(self, progress: int) -> int:
        return progress

    def bound(self, _progress: int) -> bool:
        return False

    def enter_nested(self, _state: HandlersState, _mark: ObserverState) -> ObserverState | None:
        return ObserverState(0)

    def leave_nested(self, began: ObserverState, ended: ObserverState) -> ObserverState:
        assert ended == ObserverState(0)
        return began


class Hesitating(Counting):
    """A step may be read in two ways: by the first one it never gets any further."""

    def observe(
        self, state: HandlersState, step: Step, mark: ObserverState
    ) -> Iterable[tuple[Hashable, ObserverState]]:
        (actor, after), *_ = super().observe(state, step, mark)
        return [(actor, ObserverState(mark.progress, "never"))] + [(actor, after)] * (mark.memory != "never")

    def enter_nested(self, _state: HandlersState, _mark: ObserverState) -> None:
        return None


class Unmoved(Counting):
    """Nothing that is done gets it any further."""

    def observe(
        self, _state: HandlersState, _step: Step, mark: ObserverState
    ) -> Iterable[tuple[Hashable, ObserverState]]:
        return [("anybody", mark)]


def test_nested_runs_are_searched_once_for_all_states() -> None:
    """The task rests, or has one of its two steps before it; the handler has one of three before it."""
    found, shortest = furthest(Labelled(), Unmoved(1))
    assert (found.progress, found.states, found.exhausted, shortest) == (0, 3 + 3, True, True)
    assert len(found.nodes) == 3 + 3
    plain = deepest(Product(Labelled(), Unmoved(1)))
    assert plain.states == 3 + 3 * 3


@pytest.mark.parametrize(
    ("goal", "first", "states"),
    [
        (9, 0, 9 + 5),  # a start before every second step
        (1, 0, 2),
        (2, 1, 2),
    ],
)
def test_a_search_ends_at_its_goal(goal: int, first: int, states: int) -> None:
    found, shortest = furthest(Labelled(), Counting(99, first), goal)
    assert (found.progress, found.states, found.exhausted, shortest) == (goal, states, False, True)
    assert found.nodes == ()  # with that progress, none is visited


@pytest.mark.parametrize("goal", [0, 1])
def test_where_it_begins_at_its_goal_nothing_is_searched(goal: int) -> None:
    found, shortest = furthest(Labelled(), Counting(99, goal), goal)
    assert (found.progress, found.states, found.run, shortest) == (goal, 1, [], True)
    assert found.nodes == ((Labelled().initial(), ObserverState(goal)),)


def test_a_step_is_shown_as_the_observer_must_read_it() -> None:
    found, _ = furthest(Labelled(), Hesitating(2))
    shown = [label for _, step in found.run if isinstance(label := step.label, Label)]
    assert [(label.label, label.observed) for label in shown] == [
        ("start", ObserverState(0)),
        ("act 0", ObserverState(1)),
        ("act 0", ObserverState(2)),
    ]


def test_progress_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def ends(states: int, _seconds: float) -> Stop | None:
        return Interrupted() if states == 4 else None

    monkeypatch.setattr(watch, "_BETWEEN_REPORTS", 1)
    found, _ = furthest(Labelled(), Counting(9), progress=ends)
    assert (found.states, found.stopped) == (4, Interrupted())


def test_what_a_limit_ends_says_whether_its_run_is_the_shortest() -> None:
    rng = random.Random(7)
    known = [0, 0]
    for _ in range(40):
        system = random_handlers(rng)
        observer = Waiting(random_wanted(rng, system))
        for most in range(1, 40, 3):
            found, shortest = furthest(system, observer, limits=Limits(max_states=most))
            if found.progress:
                best = search(Product(system, observer, found.progress)).runs[REACHED]
                as_short = sum(map(cost, (step for _, step in found.run))) == sum(map(cost, (step for _, step in best)))
                assert as_short or not shortest
                known[shortest] += 1
    assert min(known) > 20, known


def test_a_limit_leaves_it_open_whether_it_gets_further() -> None:
    rng = random.Random(1)
    system = random_handlers(rng)
    found, shortest = furthest(system, Waiting([(3, 3, 3)]), limits=Limits(max_states=1))
    assert (found.progress, found.exhausted, found.stopped, shortest) == (0, False, StateLimit(1), True)
