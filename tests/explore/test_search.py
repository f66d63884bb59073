"""The exhaustive search: every count and length here was worked out by hand, or by a slower and simpler way."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctxrace.core.errors import LimitReached
from ctxrace.core.facts.stop import Interrupted, StateLimit, TimeLimit
from ctxrace.core.limits import Budget, within
from ctxrace.core.property import Property
from ctxrace.core.system import Step, System
from ctxrace.explore.search import Exploration, Limits, ends, search
from ctxrace.explore.shortest import Way
from ctxrace.explore.walk import Walk

from .toys import (
    ADDS_UP,
    BALANCED,
    EXCLUSIVE,
    PROGRESS,
    Counter,
    Edge,
    Endless,
    Graph,
    Guard,
    Lock,
    Peterson,
    chain,
)

Length = tuple[int, int]
Run = Sequence[tuple[Any, Step]]

P, Q, R = (Property(name) for name in "pqr")
EVERYTHING: frozenset[Property] = frozenset()
"""As `wanted`: nothing is ever enough."""


def length(run: Run) -> Length:
    return sum(step.switches for _, step in run), sum(step.events for _, step in run)


def lengths(found: Exploration) -> dict[Property, Length]:
    return {broken: length(run) for broken, run in found.runs.items()}


def way(run: Run) -> str:
    """The states along a run of a `Graph`."""
    return " ".join([*(state for state, _ in run), run[-1][1].state])


def size(found: Exploration) -> tuple[int, int]:
    return found.states, found.transitions


def assert_breaks(system: System[Any], run: Run, broken: Property) -> None:
    """`run` is possible, begins at the beginning, and its last step is the first that breaks `broken`."""
    assert run[0][0] == system.initial()
    for state, step in run:
        assert step in list(system.steps(state))
    for (_, step), (state, _) in pairwise(run):
        assert step.state == state
    assert [broken in step.broken for _, step in run] == [False] * (len(run) - 1) + [True]


# The toys


@pytest.mark.parametrize(
    ("system", "states", "transitions", "shortest"),
    [
        (Counter(), 29, 38, {ADDS_UP: (2, 4)}),
        (Peterson(), 20, 40, {}),
        (Lock(), 17, 34, {EXCLUSIVE: (2, 4)}),
    ],
    ids=["counter", "peterson", "lock"],
)
def test_hand_counted(system: System[Any], states: int, transitions: int, shortest: dict[Property, Length]) -> None:
    found = search(system, EVERYTHING)
    assert size(found) == (states, transitions)
    assert found.stopped is None
    assert lengths(found) == shortest
    for broken, run in found.runs.items():
        assert_breaks(system, run, broken)


def test_guard_of_the_thread() -> None:
    found = search(Guard())
    assert lengths(found) == {EXCLUSIVE: (2, 6), BALANCED: (3, 10), PROGRESS: (3, 10)}
    for broken, run in found.runs.items():
        assert_breaks(Guard(), run, broken)


def test_same_result_twice() -> None:
    for system in (Counter(), Lock(), Guard(), Peterson()):
        first, second = search(system), search(system)
        assert (size(first), first.runs) == (size(second), second.runs)
        assert list(first.runs) == list(second.runs)


# What is the shortest


def test_fewest_switches_come_before_fewest_events() -> None:
    """One switch more, (1, 1), is worse than four events more, (0, 5); among those without, (0, 4) is best."""
    table = {
        "s": [Edge("hop", 1), Edge("a1"), Edge("b1")],
        "hop": [Edge("end", 0, 0, (P,))],
        "a1": [Edge("a2")],
        "a2": [Edge("a3")],
        "a3": [Edge("a4")],
        "a4": [Edge("end", broken=(P,))],
        "b1": [Edge("b2")],
        "b2": [Edge("b3")],
        "b3": [Edge("end", broken=(P,))],
    }
    run = search(Graph(table, [P])).runs[P]
    assert (length(run), way(run)) == ((0, 4), "s b1 b2 b3 end")
    del table["b1"]
    run = search(Graph(table, [P])).runs[P]
    assert (length(run), way(run)) == ((0, 5), "s a1 a2 a3 a4 end")


def test_many_events_never_weigh_as_much_as_a_switch() -> None:
    table = {"s": [Edge("end", 1, 0, (P,)), Edge("far", 0, 1_000_000)], "far": [Edge("end", broken=(P,))]}
    assert lengths(search(Graph(table, [P]))) == {P: (0, 1_000_001)}


def test_diamond_whose_longer_way_is_found_first() -> None:
    """x is first known at (1, 1), then at (0, 3); it and what follows count once. 5 states, 1+1+1+1+1 transitions."""
    table = {
        "s": [Edge("x", 1), Edge("y")],
        "y": [Edge("z")],
        "z": [Edge("x")],
        "x": [Edge("end", broken=(P,))],
    }
    found = search(Graph(table, [P]), EVERYTHING)
    assert size(found) == (5, 5)
    assert (length(found.runs[P]), way(found.runs[P])) == ((0, 4), "s y z x end")


def test_diamond_whose_ways_are_equally_long_takes_the_first() -> None:
    table = {"s": [Edge("x"), Edge("y")], "x": [Edge("end")], "y": [Edge("end")], "end": [Edge("s", broken=(P,))]}
    found = search(Graph(table, [P]), EVERYTHING)
    assert size(found) == (4, 5)
    assert way(found.runs[P]) == "s x end s"


def test_of_ways_as_long_the_first_is_shown_and_not_the_one_found_first() -> None:
    """x is reached at (0, 3) by way of b, which is nearer, and then by way of a, which is named first."""
    table = {
        "s": [Edge("a", 0, 2), Edge("b")],
        "a": [Edge("x")],
        "b": [Edge("x", 0, 2)],
        "x": [Edge("end", broken=(P,))],
    }
    assert way(search(Graph(table, [P])).runs[P]) == "s a x end"


def test_all_that_is_known_of_ways_as_short_is_kept() -> None:
    """Also what a nested run comes to, which a way begins."""
    walk = Walk(Graph({"s": []}))
    kept = {}
    for rank, length in enumerate((5, 5, 6, 4, 4, 4)):
        number = walk.reach(walk.numbers, "x", length, 0, rank, 10 + rank)
        kept[rank] = sorted(walk.ways[number])
    assert kept[0] == [Way(0, 0, 10)]
    assert kept[1] == kept[2] == [Way(0, 0, 10), Way(0, 1, 11)]
    assert kept[3] == [Way(0, 3, 13)]
    assert kept[5] == [Way(0, 3, 13), Way(0, 4, 14), Way(0, 5, 15)]
    assert (walk.numbers, walk.lengths[1]) == ({"s": 0, "x": 1}, 4)


def test_a_longer_violation_seen_first_gives_way() -> None:
    """The first step seen breaks P at (1, 1); it does so at (0, 2) too, which is one state later."""
    table = {"s": [Edge("end", 1, 1, (P,)), Edge("a")], "a": [Edge("end", broken=(P,))]}
    found = search(Graph(table, [P]))
    assert way(found.runs[P]) == "s a end"
    assert size(found) == (2, 3)  # s and a; `end` waits at (0, 2), where P is decided


def test_steps_that_cost_nothing() -> None:
    """s, a, b, c all lie at (0, 0), with a way back; P breaks there too, Q one event later."""
    free = {
        "s": [Edge("a", 0, 0)],
        "a": [Edge("b", 0, 0)],
        "b": [Edge("c", 0, 0, (P,)), Edge("s", 0, 0)],
        "c": [Edge("end", 0, 1, (Q,))],
    }
    found = search(Graph(free, [P, Q]), EVERYTHING)
    assert size(found) == (5, 5)
    assert lengths(found) == {P: (0, 0), Q: (0, 1)}
    assert (way(found.runs[P]), way(found.runs[Q])) == ("s a b c", "s a b c end")


def test_a_free_step_opens_a_shorter_way() -> None:
    """x is known at (0, 2) from s, then at (0, 1) by way of y, which costs nothing itself."""
    table = {"s": [Edge("x", 0, 2), Edge("y", 0, 0)], "y": [Edge("x")], "x": [Edge("end", broken=(P,))]}
    found = search(Graph(table, [P]), EVERYTHING)
    assert size(found) == (4, 4)
    assert (length(found.runs[P]), way(found.runs[P])) == ((0, 2), "s y x end")


def test_broken_by_the_very_first_step() -> None:
    found = search(Graph({"s": [Edge("end", broken=(P,))]}, [P]))
    assert way(found.runs[P]) == "s end"
    assert size(found) == (1, 1)


def test_broken_by_a_step_into_a_visited_state() -> None:
    found = search(Graph({"s": [Edge("a")], "a": [Edge("s", broken=(P,))]}, [P]), EVERYTHING)
    assert way(found.runs[P]) == "s a s"
    assert size(found) == (2, 2)


def test_steps_from_a_state_to_itself() -> None:
    found = search(Graph({"s": [Edge("s", 0, 0), Edge("s", 1), Edge("s", 0, 1, (P,))]}, [P]), EVERYTHING)
    assert way(found.runs[P]) == "s s"
    assert size(found) == (1, 3)


def test_two_steps_between_the_same_states() -> None:
    found = search(Graph({"s": [Edge("end", 1, 0, (P,)), Edge("end", 0, 1, (P, Q))]}, [P, Q]), EVERYTHING)
    assert lengths(found) == {P: (0, 1), Q: (0, 1)}
    assert size(found) == (2, 2)


def test_a_state_without_steps() -> None:
    found = search(Graph({"s": []}, [P]))
    assert (size(found), found.stopped, found.runs) == ((1, 0), None, {})


def test_no_properties() -> None:
    assert size(search(chain(10))) == (10, 9)


def test_errors_of_the_system_pass_through() -> None:
    def refuse(number: int) -> None:
        raise LookupError(str(number))

    with pytest.raises(LookupError, match="0"):
        search(Endless(refuse))


# Where a system ends


def test_ends_are_found_nearest_first_each_by_a_shortest_way() -> None:
    """near at (0, 2), far at (1, 1), which is found first at (2, 0); the loop between s and a ends nowhere."""
    table = {
        "s": [Edge("far", 2, 0), Edge("a", 1, 0), Edge("b")],
        "a": [Edge("far"), Edge("s")],
        "b": [Edge("near"), Edge("a", 1, 1)],
        "near": [],
        "far": [],
    }
    found = list(ends(Graph(table)))
    assert [(state, length(run), way(run)) for state, run in found] == [
        ("near", (0, 2), "s b near"),
        ("far", (1, 1), "s a far"),
    ]
    assert list(ends(Graph({"s": []}))) == [("s", [])]
    assert list(ends(Graph({"s": [Edge("s")]}))) == []


def test_what_is_found_broken_last_is_the_shortest_too_where_everything_was_visited() -> None:
    """Its run is longer than the way to any state."""
    found = search(Graph({"s": [Edge("s", broken=(P,))]}, [P]), EVERYTHING)
    assert found.exhausted
    assert found.shortest == {P}


def test_what_was_witnessed() -> None:
    found = search(Graph({"s": [Edge("a", witnessed=(Q,)), Edge("b")], "a": [], "b": []}, [P, Q]))
    assert found.witnessed == {Q}


# What is wanted

SOME = {2: P, 4: Q}  # chain(10, SOME): P breaks at (0, 2), Q at (0, 4)


@pytest.mark.parametrize(
    ("wanted", "states"),
    [
        (None, 4),  # both: Q shows in state 3, the fourth, and nothing shorter can come after it
        (frozenset({P, Q}), 4),
        (frozenset({Q}), 4),
        (frozenset({P}), 2),
        (frozenset({P, R}), 10),  # R never breaks, so that all has to be seen
        (EVERYTHING, 10),
    ],
    ids=["all", "both", "later", "earlier", "unbroken", "everything"],
)
def test_stops_as_soon_as_all_wanted_are_decided(wanted: frozenset[Property] | None, states: int) -> None:
    found = search(chain(10, SOME), wanted)
    assert size(found) == (states, min(states, 9))
    assert found.stopped is None
    assert {P: (0, 2), Q: (0, 4)}.items() >= lengths(found).items()
    assert found.runs.keys() >= (wanted or {P, Q}) - {R}


def test_one_step_breaks_several() -> None:
    found = search(Graph({"s": [Edge("a", broken=(P, Q)), Edge("b")], "b": [Edge("c")]}, [P, Q]))
    assert lengths(found) == {P: (0, 1), Q: (0, 1)}
    assert size(found) == (1, 2)


def test_runs_of_what_was_not_wanted_are_not_called_the_shortest() -> None:
    """Q breaks at (0, 3) by way of a and b; the search for P alone ends before, with Q's run of (1, 1)."""
    table = {
        "s": [Edge("end", 1, 1, (Q,)), Edge("a", broken=(P,))],
        "a": [Edge("b")],
        "b": [Edge("end", broken=(Q,))],
    }
    found = search(Graph(table, [P, Q]), frozenset({P}))
    assert lengths(found) == {P: (0, 1), Q: (1, 1)}
    assert found.shortest == {P}
    assert not found.exhausted
    found = search(Graph(table, [P, Q]))
    assert lengths(found) == {P: (0, 1), Q: (0, 3)}
    assert found.shortest == {P, Q}


# Where to stop


@pytest.mark.parametrize(("limit", "stopped"), [(0, True), (1, True), (4, True), (9, True), (10, False), (11, False)])
def test_limit_of_states(limit: int, stopped: bool) -> None:
    found = search(chain(10), limits=Limits(max_states=limit))
    assert found.states == min(limit, 10)
    assert found.transitions == min(limit, 9)
    assert found.stopped == (StateLimit(limit) if stopped else None)


def test_limit_is_spelled_for_people() -> None:
    found = search(Endless(), limits=Limits(max_states=12_345))
    assert (size(found), found.stopped) == ((12_345, 12_345), StateLimit(12_345))


def test_states_that_wait_take_memory_too() -> None:
    """A quarter of those found count: 4 of the 13 that are known before the second one is visited."""
    wide = Graph({"s": [Edge(str(number)) for number in range(12)], **{str(number): [] for number in range(12)}})
    assert search(wide, limits=Limits(max_states=3)).stopped == StateLimit(3, 13, 1)
    found = search(wide, limits=Limits(max_states=4))
    assert (found.states, found.stopped) == (4, StateLimit(4))


def test_limit_leaves_what_was_found() -> None:
    found = search(chain(10, SOME), limits=Limits(max_states=3))
    assert lengths(found) == {P: (0, 2)}
    assert found.stopped


def test_limit_is_no_stop_when_all_is_decided_first() -> None:
    found = search(chain(10, SOME), limits=Limits(max_states=4))
    assert (found.states, found.stopped) == (4, None)


def test_a_run_is_not_called_the_shortest_where_a_limit_ended_the_search() -> None:
    """P breaks at (0, 2), in state a, which is not visited any more; s has shown a run of (1, 1)."""
    table = {"s": [Edge("end", 1, 1, (P,)), Edge("a")], "a": [Edge("end", broken=(P,))]}
    found = search(Graph(table, [P]), limits=Limits(max_states=1))
    assert lengths(found) == {P: (1, 1)}
    assert found.shortest == frozenset()


def test_timeout_of_nothing() -> None:
    """No state is visited."""
    found = search(chain(10), limits=Limits(timeout=0))
    assert (size(found), found.stopped) == ((0, 0), TimeLimit(0))


def test_timeout() -> None:
    found = search(Endless(), limits=Limits(timeout=0.05))
    assert found.stopped == TimeLimit(0.05)
    assert found.states > 1
    assert found.seconds >= 0.05


def test_timeout_that_is_not_reached() -> None:
    found = search(chain(10), limits=Limits(timeout=1000))
    assert (size(found), found.stopped) == ((10, 9), None)


def test_interrupted_inside_a_system() -> None:
    """At the steps of 3: that state is the fourth visited, and three steps were taken."""

    def press(number: int) -> None:
        if number == 3:
            raise KeyboardInterrupt

    found = search(Endless(press))
    assert (size(found), found.stopped) == ((4, 3), Interrupted())


def test_interrupted_with_something_found() -> None:
    class Pressed(Graph):
        def steps(self, state: str) -> list[Step]:
            if state == "5":
                raise KeyboardInterrupt
            return super().steps(state)

    found = search(Pressed(chain(10, {2: P}).table, [P, Q]))
    assert (lengths(found), size(found), found.stopped) == ({P: (0, 2)}, (6, 5), Interrupted())


def test_progress() -> None:
    calls: list[tuple[int, float]] = []
    search(Endless(), limits=Limits(max_states=20_000), progress=lambda *now: calls.append(now))
    states = [states for states, _ in calls]
    assert len(calls) >= 2
    assert states == [states[0] * (n + 1) for n in range(len(calls))], "evenly spaced"
    assert states[-1] + states[0] > 20_000, "to the end"
    seconds = [0.0, *(seconds for _, seconds in calls)]
    assert seconds == sorted(seconds)


def test_progress_is_silent_in_a_small_search() -> None:
    calls: list[int] = []
    search(chain(10), progress=lambda states, _: calls.append(states))
    assert calls == []


def test_progress_may_interrupt() -> None:
    def press(*_: float) -> None:
        raise KeyboardInterrupt

    assert search(Endless(), limits=Limits(max_states=20_000), progress=press).stopped == Interrupted()


# Against a reference

ALL = (P, Q, R)


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Up to 30 states in any arrangement: loops, ends, islands, parallel steps."""
    count = draw(st.integers(1, 30))
    state = st.integers(0, count - 1)
    bit = st.sampled_from((0, 1))
    broken = st.sampled_from(((), (), (), (), (P,), (Q,), (R,), (P, Q)))
    table: dict[str, list[Edge]] = {str(n): [] for n in range(count)}
    edges = st.lists(st.tuples(state, state, bit, bit, broken), max_size=3 * count)
    for before, after, switches, events, breaks in draw(edges):
        table[str(before)].append(Edge(str(after), switches, events, breaks))
    return Graph(table, ALL)


def reference(graph: Graph) -> tuple[dict[str, Length], dict[Property, Length]]:
    """Bellman and Ford's way: relax all steps until nothing changes. The length to each state, and to each break."""
    known: dict[str, Length] = {graph.initial(): (0, 0)}
    changed = True
    while changed:
        changed = False
        for state, steps in graph.table.items():
            for step in steps:
                if state in known:
                    after = (known[state][0] + step.switches, known[state][1] + step.events)
                    if step.to not in known or after < known[step.to]:
                        known[step.to], changed = after, True
    breaks: dict[Property, Length] = {}
    for state in known:
        for step in graph.table[state]:
            after = (known[state][0] + step.switches, known[state][1] + step.events)
            for broken in step.broken:
                breaks[broken] = min(after, breaks.get(broken, after))
    return known, breaks


@given(graphs())
def test_everything_agrees_with_the_reference(graph: Graph) -> None:
    known, breaks = reference(graph)
    found = search(graph, EVERYTHING)
    assert size(found) == (len(known), sum(len(graph.table[state]) for state in known))
    assert found.stopped is None
    assert lengths(found) == breaks
    for broken, run in found.runs.items():
        assert_breaks(graph, run, broken)


@given(graphs(), st.sets(st.sampled_from(ALL), min_size=1))
def test_wanted_agrees_with_the_reference(graph: Graph, wanted: set[Property]) -> None:
    known, breaks = reference(graph)
    found = search(graph, frozenset(wanted))
    assert {p: n for p, n in lengths(found).items() if p in wanted} == {p: n for p, n in breaks.items() if p in wanted}
    assert found.states <= len(known)
    if wanted - breaks.keys():
        assert found.states == len(known), "what is not broken needs all states"
    else:
        last = max(breaks[broken] for broken in wanted)
        nearer, as_far = (sum(n < last for n in known.values()), sum(n <= last for n in known.values()))
        assert nearer <= found.states <= as_far, "none beyond the last break; as far as that only for steps of no cost"


@given(graphs(), st.integers(0, 31))
def test_limits_agree_with_the_reference(graph: Graph, limit: int) -> None:
    known, breaks = reference(graph)
    found = search(graph, EVERYTHING, Limits(max_states=limit))
    assert found.states == min(limit, len(known))
    assert bool(found.stopped) == (limit < len(known))
    for broken, run in found.runs.items():
        assert_breaks(graph, run, broken)
        assert length(run) >= breaks[broken]


def test_a_budget_ends_a_search() -> None:
    """Between two states, and inside of a step that takes long."""
    system = Graph({"a": [Edge("b"), Edge("c")], "b": [Edge("c")]})
    with within(Budget(timeout=0)):
        found = search(system)
    assert (found.states, found.exhausted, found.stopped) == (0, False, TimeLimit(0))

    class Slow(Graph):
        def steps(self, state: str) -> list[Step]:
            if state == "b":
                raise LimitReached(TimeLimit(2, "running"))
            return super().steps(state)

    found = search(Slow(system.table))
    assert (found.states, found.exhausted, found.stopped) == (2, False, TimeLimit(2, "running"))
