"""Nested runs summed up: the plain search is the reference, and brute force is the reference of both."""

import gc
import random
from collections.abc import Hashable, Iterable, Iterator, Mapping
from heapq import heappop, heappush
from typing import Any

import pytest

from ctxrace.core.facts.stop import Interrupted, StateLimit, Stop, TimeLimit
from ctxrace.core.nested import Begin, Return
from ctxrace.core.property import Property
from ctxrace.core.system import Step
from ctxrace.explore import summaries, watch
from ctxrace.explore.search import Exploration, search
from ctxrace.explore.shortest import cost
from ctxrace.explore.summaries import summarized
from ctxrace.explore.watch import Limits

from .nested_toys import (
    AT_REST,
    CRASHED,
    ENDS,
    EXCLUSIVE,
    RESTS,
    RUNS,
    WRONG,
    Act,
    Handlers,
    HandlersState,
    Program,
    arrives,
    random_handlers,
)

EVERYTHING: frozenset[Property] = frozenset()


def labels(found: Exploration) -> dict[Property, list[Hashable]]:
    return {prop: [step.label for _, step in run] for prop, run in found.runs.items()}


def by_brute_force(system: Handlers) -> dict[Property, tuple[int, tuple[int, ...]]]:
    """Dijkstra's algorithm whose lengths are pairs: the length, and the numbers of all steps from the beginning."""
    queue: list[tuple[int, tuple[int, ...], Any]] = [(0, (), system.initial())]
    ways: dict[Hashable, tuple[int, tuple[int, ...]]] = {}
    found: dict[Property, tuple[int, tuple[int, ...]]] = {}
    before: dict[Hashable, set[Hashable]] = {}
    while queue:
        length, ranks, state = heappop(queue)
        if state in ways:
            continue
        ways[state] = (length, ranks)
        for rank, step in enumerate(system.steps(state)):
            on = (length + cost(step), (*ranks, rank))
            for prop in step.broken:
                found[prop] = min(found.get(prop, on), on)
            heappush(queue, (*on, step.state))
            before.setdefault(step.state, set()).add(state)
    hopeful = leading_to_rest(ways, before)
    hopeless = [way for state, way in ways.items() if state not in hopeful]
    return {**found, ENDS: min(hopeless)} if hopeless else found


def leading_to_rest(states: Iterable[Any], before: Mapping[Hashable, set[Hashable]]) -> set[Hashable]:
    """Return the states from which the task can come to rest. before: the states one step before each."""
    waiting: list[Any] = [state for state in states if state.stack == AT_REST or state.shared == CRASHED]
    hopeful: set[Hashable] = set()
    while waiting:
        state = waiting.pop()
        if state not in hopeful:
            hopeful.add(state)
            waiting.extend(before.get(state, ()))
    return hopeful


def ranks(system: Handlers, run: list[tuple[Any, Step]]) -> tuple[int, tuple[int, ...]]:
    numbers = tuple([other.label for other in system.steps(state)].index(step.label) for state, step in run)
    return sum(cost(step) for _, step in run), numbers


def assert_agree(system: Handlers) -> Exploration:
    plain, summed = search(system, EVERYTHING), summarized(system, EVERYTHING)
    assert plain.exhausted and summed.exhausted
    assert (plain.runs, plain.possible, plain.witnessed) == (summed.runs, summed.possible, summed.witnessed)
    assert summed.shortest == summed.runs.keys()
    wanted = frozenset(plain.runs) - {ENDS}
    if wanted:
        few = search(system, wanted)
        few.runs.pop(ENDS, None)  # it is decided besides where that takes little
        assert few.runs.items() <= summarized(system, wanted).runs.items()
    return plain


def chooses(last: int) -> Handlers:
    """A task that takes one step, if the variable is 0; a handler that may leave `last` in it.

    The handler goes from 0 to 1, and there decides: by 2 it returns and has changed nothing, by 3 and 4 it returns and
    has written `last`.
    """
    task = Program({(0, 0): [Act(None, 0)]})
    acts = {}
    for shared in (0, 1):
        acts[0, shared] = [Act(1, shared)]
        acts[1, shared] = [Act(2, shared), Act(3, shared)]
        acts[2, shared] = [Act(None, shared)]
        acts[3, shared] = [Act(4, shared)]
        acts[4, shared] = [Act(None, last)]
    return Handlers([task, Program(acts)])


def test_states_of_nested_runs_count_once() -> None:
    """The task rests or is at 0, the variable is 0 or 1; over each of the four the handler has five places."""
    assert search(chooses(1), EVERYTHING).states == 4 + 4 * 5
    assert summarized(chooses(1), EVERYTHING).states == 4 + 2 * 5


def test_a_state_within_a_handler_is_hopeless_where_every_return_is() -> None:
    """Over the task at 0, the handler at 3 can only return to a task that waits for ever.

    That is after (1, 2): `start · arrival, to 1, to 3`. To return takes 4 events, also over the task at rest. There it
    is a goal whatever the variable holds, but begins to wait with its next start.
    """
    run = summarized(chooses(1), EVERYTHING).runs[ENDS]
    assert [step.label for _, step in run] == ["start", "arrival 1", "act 0", "act 1"]
    assert run[-1][1].state.stack == ((0, 0), (1, 3))
    assert ENDS not in summarized(chooses(0), EVERYTHING).runs


def test_a_nested_run_that_never_ends_is_hopeless_itself() -> None:
    spins = Program({(0, 0): [Act(1, 0)], (1, 0): [Act(1, 0)]})
    run = summarized(Handlers([Program({(0, 0): [Act(None, 0)]}), spins]), EVERYTHING).runs[ENDS]
    assert [step.label for _, step in run] == ["arrival 1"]


def test_of_states_as_far_that_are_hopeless_the_first_run_to_one_is_shown() -> None:
    """The task's places 3 and 4 are hopeless, both three events away. 4 is found first, but 3 is named first."""
    acts = {
        (0, 0): [Act(1, 0, events=2), Act(2, 0)],
        (1, 0): [Act(3, 0), Act(None, 0)],
        (2, 0): [Act(4, 0, events=2), Act(None, 0)],
        (3, 0): [Act(3, 0)],
        (4, 0): [Act(4, 0)],
    }
    system = Handlers([Program(acts)])
    assert labels(summarized(system, EVERYTHING))[ENDS] == ["start", "act 0", "act 0"]
    assert labels(assert_agree(system))[ENDS] == ["start", "act 0", "act 0"]


def test_what_may_crash_in_a_handler_does_not_hang() -> None:
    """The task waits for ever, and so does the first handler. Only where the second one crashes is that not known."""
    waits = Program({(0, 0): [Act(0, 0)]})
    for crashes in (False, True):
        found = summarized(Handlers([waits, waits, Program({(0, 0): [Act(None, 0, crashes=crashes)]})]), EVERYTHING)
        assert (ENDS in found.runs, ENDS in found.possible) == (not crashes, crashes)


def test_a_violation_of_a_nested_run_hangs_on_what_runs_below_it() -> None:
    """The handler's body over the task's: `start, to 1: enters · arrival, to 1: enters`, (1, 2)."""
    both = Program({(0, 0): [Act(1, 0)], (1, 0): [Act(None, 0)]}, body=frozenset({1}))
    run = summarized(Handlers([both, both]), EVERYTHING).runs[EXCLUSIVE]
    assert [step.label for _, step in run] == ["start", "act 0", "arrival 1", "act 0"]


def test_limits_end_it_in_the_midst_of_nested_runs() -> None:
    found = summarized(chooses(1), EVERYTHING, Limits(max_states=3))
    assert (found.exhausted, found.states, found.stopped) == (False, 3, StateLimit(3))


def test_states_and_steps_are_counted() -> None:
    """The task of `chooses(0)` rests or is at 0, and takes a step there or lets the handler in, which has six steps.

    Those come to one end, from which either call returns.
    """
    found = summarized(chooses(0), EVERYTHING)
    assert (found.states, found.transitions) == (found.all_states, found.all_transitions) == (2 + 5, 4 + 6 + 2)
    assert found.seconds >= 0
    assert found.summed_up


def test_what_steps_and_arrivals_witness() -> None:
    both = Program({(0, 0): [Act(1, 0)], (1, 0): [Act(None, 0)]}, body=frozenset({1}), masked=frozenset({(-1, 2)}))
    never = Program({}, masked=frozenset({(0, 2), (1, 2)}))
    plain = Program({(0, 0): [Act(None, 0)]})
    assert summarized(Handlers([plain, plain]), EVERYTHING).witnessed == {arrives(1)}
    assert summarized(Handlers([plain, both]), EVERYTHING).witnessed == {arrives(1), RUNS}
    assert summarized(Handlers([both, both, never]), EVERYTHING).witnessed == {arrives(1), arrives(2), RUNS}


class Demanding(Handlers):
    """Handlers of which nothing must always be possible."""

    properties = (EXCLUSIVE, RESTS, WRONG)


def test_without_a_wish_all_invariants_are_decided() -> None:
    """Each of the three is broken before the handler arrives twice, when there are 300 more places to go."""
    acts = {(0, 0): [Act(1, 0)], (1, 0): [Act(2, 0, wrong=True)], (2, 0): [Act(None, 1)]}
    acts |= {(place, 1): [Act(place + 1, 1, switches=2)] for place in range(300)}
    handler = {(place, shared): [Act(1 - place or None, shared)] for place in (0, 1) for shared in (0, 1)}
    found = summarized(Demanding([Program(acts, body=frozenset({1, 2})), Program(handler, body=frozenset({1}))]))
    assert found.runs.keys() == {EXCLUSIVE, RESTS, WRONG}
    assert found.states < 20


def test_what_is_decided_ends_the_search_at_once_where_nothing_must_be_possible() -> None:
    wrong = Program({(0, 0): [Act(1, 0, wrong=True)], **{(at, 0): [Act(at + 1, 0)] for at in range(1, 40)}})
    found = summarized(Demanding([wrong]), frozenset({WRONG}))
    assert (found.states, found.all_states, found.exhausted, found.stopped) == (2, 2, False, None)


def test_so_much_more_is_visited_to_decide_what_must_be_possible(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(summaries, "MORE", 3)
    wrong = Program({(0, 0): [Act(1, 0, wrong=True)], **{(at, 0): [Act(at + 1, 0)] for at in range(1, 40)}})
    found = summarized(Handlers([wrong]), frozenset({WRONG}))
    assert (found.states, found.all_states) == (2, 5)
    assert found.shortest == {WRONG}
    assert not found.possible


def test_states_that_wait_are_limited_and_calls_with_them() -> None:
    """After two visits: the task at rest, before its start and at 12 more places; two arrivals."""
    acts = {(0, 0): [Act(place, 0) for place in range(1, 13)]}
    found = summarized(Handlers([Program(acts), Program({})]), EVERYTHING, Limits(max_states=3))
    assert found.stopped == StateLimit(3, 14 + 2, 2)


def test_a_run_that_a_limit_leaves_may_not_be_the_shortest() -> None:
    """The first of the task's two steps breaks it after two switches, the second one lets it be broken without any."""
    task = {(0, 0): [Act(1, 0, switches=2, wrong=True), Act(1, 0)], (1, 0): [Act(None, 0, wrong=True)]}
    for most, known in ((2, False), (None, True)):
        found = summarized(Handlers([Program(task)]), EVERYTHING, Limits(max_states=most))
        assert len(found.runs[WRONG]) == 2 + known
        assert (WRONG in found.shortest) is known


def test_a_limit_ends_it_before_the_first_state() -> None:
    found = summarized(chooses(1), EVERYTHING, Limits(timeout=0.0))
    assert (found.states, found.stopped) == (0, TimeLimit(0.0))


def test_progress_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def ends(states: int, _seconds: float) -> Stop | None:
        return Interrupted() if states == 4 else None

    monkeypatch.setattr(watch, "_BETWEEN_REPORTS", 1)
    found = summarized(chooses(1), EVERYTHING, progress=ends)
    assert (found.states, found.stopped) == (4, Interrupted())


class Disturbed(Handlers):
    """Handlers of which number `when` of the calls and returns is one during which the user types Ctrl-C."""

    def __init__(self, system: Handlers, when: int) -> None:
        super().__init__(system.programs, system.arrivals)
        self.when = when

    def called(self, state: HandlersState, step: Step) -> Begin | None:
        self._count()
        return super().called(state, step)

    def returned(
        self, below: tuple[int, tuple[int, ...], tuple[tuple[int, int], ...]], end: HandlersState
    ) -> Return:
        self._count()
        return super().returned(below, end)

    def _count(self) -> None:
        self.when -= 1
        if not self.when:
            raise KeyboardInterrupt


def test_of_a_state_that_was_left_in_the_midst_nothing_is_said() -> None:
    """It may be one from which only the steps that were not taken, or a return that was not made, lead to a goal."""
    task = Program({(0, 0): [Act(1, 0, switches=2)], (0, 1): [Act(None, 0)], (1, 1): [Act(None, 0)]})
    waits = Handlers([task, Program({(0, 0): [Act(None, 1)], (0, 1): [Act(None, 1)]})])
    for system, hangs, most in ((chooses(1), True, 26), (waits, False, 20)):
        for when in range(1, most):
            found = summarized(Disturbed(system, when), EVERYTHING)
            assert (found.stopped, found.exhausted, found.possible) == (Interrupted(), False, frozenset())
            assert ENDS not in found.runs
        whole = summarized(Disturbed(system, 0), EVERYTHING)
        assert whole.exhausted
        assert (ENDS in whole.runs) is hangs


class ArrivingIsAGoal(Handlers):
    """Handlers that may arrive and are at a goal then, whatever comes of them."""

    def steps(self, state: HandlersState) -> Iterator[Step]:
        for step in super().steps(state):
            arrival = str(step.label).startswith("arrival")
            yield step._replace(witnessed=(*step.witnessed, ENDS)) if arrival else step


def test_a_goal_may_be_where_a_nested_run_begins() -> None:
    spins = Program({(0, 0): [Act(1, 0)], (1, 0): [Act(1, 0)]})
    found = assert_agree(ArrivingIsAGoal([Program({(0, 0): [Act(0, 0)]}), spins]))
    assert labels(found)[ENDS] == ["arrival 1", "act 0"]


def test_to_be_called_is_a_step_as_any_other() -> None:
    """To go to where it waits for ever costs the task as much as to let in a handler that does, and is named first."""
    waits = {(0, 0): [Act(1, 0, switches=1, events=0)], (1, 0): [Act(1, 0)]}
    task = Program(waits, masked=frozenset({(-1, 1), (1, 1)}))
    spins = Program({(0, 0): [Act(0, 0)]})
    assert labels(assert_agree(Handlers([task, spins])))[ENDS] == ["start"]
    task = task._replace(acts={**task.acts, (0, 0): [*task.acts[0, 0], Act(None, 0)]})
    assert labels(assert_agree(Handlers([task, spins])))[ENDS] == ["start", "act 0"]


@pytest.mark.parametrize("crashes", [False, True])
@pytest.mark.parametrize("seed", range(60))
def test_random_systems(seed: int, crashes: bool) -> None:
    rng = random.Random(seed)
    for _ in range(10):
        system = random_handlers(rng, crashes=crashes)
        assert_agree(system)
        found = summarized(system, EVERYTHING)
        assert {prop: ranks(system, run) for prop, run in found.runs.items()} == by_brute_force(system)


def graph(system: Handlers) -> dict[Hashable, set[Hashable]]:
    """Return the states of the plain system, each with those one step before it."""
    before: dict[Hashable, set[Hashable]] = {system.initial(): set()}
    waiting = [system.initial()]
    for state in waiting:
        for step in system.steps(state):
            if step.state not in before:
                before[step.state] = set()
                waiting.append(step.state)
            before[step.state].add(state)
    return before


@pytest.mark.parametrize(("crashes", "least"), [(False, 50), (True, 20)])
def test_what_a_search_that_stopped_early_calls_hopeless_is(crashes: bool, least: int) -> None:
    rng, found, known = random.Random(11), 0, 0
    for _ in range(40):
        system = random_handlers(rng, crashes=crashes)
        whole = summarized(system, EVERYTHING)
        hopeful = leading_to_rest(before := graph(system), before)
        for most in range(1, whole.states, 4):
            early = summarized(system, EVERYTHING, Limits(max_states=most))
            assert not early.exhausted and not early.possible
            for prop in early.shortest:
                assert early.runs[prop] == whole.runs[prop]
                known += 1
            if ENDS in early.runs:
                found += 1
                assert ENDS not in early.shortest
                assert early.runs[ENDS][-1][1].state not in hopeful
    assert found > least
    assert known > least


def test_more_is_visited_to_decide_hangs_after_all_that_was_wanted_is_decided() -> None:
    """The task breaks an invariant with its first step, (0, 1); the handler of `chooses` lets it wait for ever."""
    wrong = Program({(0, 0): [Act(None, 0, wrong=True)]})
    system = Handlers([wrong, chooses(1).programs[1]])
    for engine in (search, summarized):
        found = engine(system, frozenset({WRONG}))
        assert (len(found.runs[WRONG]), len(found.runs[ENDS])) == (2, 4)
        assert found.states < found.all_states
        assert not found.exhausted


@pytest.mark.parametrize("most", [None, 40])
def test_no_cycles_are_left(most: int | None) -> None:
    """All states are freed as the search is over, without the garbage collector, also where a limit ended it."""
    found = 0
    for seed in range(20):
        system = random_handlers(random.Random(seed))
        gc.collect()
        gc.disable()
        try:
            found += summarized(system, EVERYTHING, Limits(max_states=most)).states
            assert gc.collect() == 0
        finally:
            gc.enable()
    assert found > 400
