"""What must always be possible: the states from which no goal is reached any more."""

from dataclasses import dataclass
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.explore.toys import Edge, Graph

from ctxrace.core.facts.stop import Interrupted
from ctxrace.core.property import Expectation, Property
from ctxrace.core.system import Run, Step
from ctxrace.explore.backwards import Backwards, edge
from ctxrace.explore.possible import reaches_goal, region, trap, way_to
from ctxrace.explore.search import Limits, search


@dataclass(frozen=True, slots=True)
class Possible(Property):
    expectation: ClassVar[Expectation] = Expectation.ALWAYS_POSSIBLE


HOME = Possible("home")
BAD = Property("bad")


def to_home(state: str) -> Edge:
    """A step into a state that is a goal."""
    return Edge(state, witnessed=(HOME,))


def ways(run: Run) -> list[str]:
    return [str(state) for state, _ in run] + ([str(run[-1][1].state)] if run else [])


def test_the_initial_state_is_a_goal() -> None:
    found = search(Graph({"s": []}, [HOME]))
    assert found.possible == {HOME}
    assert not found.runs
    found = search(Graph({"s": [Edge("s")]}, [HOME]))
    assert found.possible == {HOME}


def test_a_state_without_a_way_back_is_shown_by_the_shortest_way() -> None:
    table = {
        "s": [Edge("a", 1), Edge("b"), Edge("c")],
        "a": [Edge("dead")],
        "b": [Edge("far"), Edge("s", 0, 1, (), (HOME,))],
        "far": [Edge("dead", 0, 5)],
        "c": [to_home("s")],
        "dead": [Edge("deader")],
        "deader": [Edge("dead")],
    }
    found = search(Graph(table, [HOME]))
    assert found.possible == frozenset()
    assert ways(found.runs[HOME]) == ["s", "b", "far"]  # from `far` on all is lost, one switch less than by `a`
    assert found.runs[HOME][-1][1].broken == (HOME,)
    assert found.shortest == {HOME}


def test_what_is_a_goal_need_not_be_left() -> None:
    """As where each context has begun as often as it may."""
    found = search(Graph({"s": [Edge("a")], "a": [to_home("end")], "end": []}, [HOME]))
    assert found.possible == {HOME}
    found = search(Graph({"s": [Edge("a")], "a": [Edge("end")], "end": []}, [HOME]))
    assert ways(found.runs[HOME]) == ["s", "a"]


def test_what_was_not_visited_may_lead_anywhere() -> None:
    chain = {"s": [Edge("1")], "1": [Edge("2")], "2": [Edge("3")], "3": [to_home("s")]}
    found = search(Graph(chain, [HOME]), frozenset(), Limits(max_states=2))
    assert (found.possible, found.runs) == (frozenset(), {})
    lost = {**chain, "s": [Edge("1"), Edge("dead", 1)], "dead": [Edge("dead")]}
    found = search(Graph(lost, [HOME]), frozenset(), Limits(max_states=5))
    assert ways(found.runs[HOME]) == ["s", "dead"]
    assert found.shortest == {HOME}  # there were five states, and all were visited
    lost["3"] = [to_home("s"), Edge("4", 2)]
    found = search(Graph(lost, [HOME]), frozenset(), Limits(max_states=5))
    assert (list(found.runs), found.shortest) == ([HOME], frozenset())  # certain, and perhaps not the nearest


def test_what_was_interrupted_may_lead_anywhere() -> None:
    """The steps of `a` are not known where Ctrl-C comes while they are taken."""

    class Pressed(Graph):
        def steps(self, state: str) -> list[Step]:
            if state == "a":
                raise KeyboardInterrupt
            return super().steps(state)

    found = search(Pressed({"s": [Edge("a")], "a": [to_home("s")]}, [HOME]))
    assert (found.stopped, found.runs, found.possible) == (Interrupted(), {}, frozenset())


def test_a_search_that_has_decided_everything_else_goes_on_for_a_while() -> None:
    table = {"s": [Edge("a", broken=(BAD,))], "a": [Edge("b")], "b": [Edge("c")], "c": [to_home("s")]}
    found = search(Graph(table, [BAD, HOME]))
    assert (found.states, found.transitions, found.exhausted) == (1, 1, False)
    assert (found.all_states, found.all_transitions) == (4, 4)
    assert found.possible == {HOME}
    assert set(found.runs) == {BAD}
    far = {str(n): [Edge(str(n + 1))] for n in range(20_000)}
    found = search(Graph({"s": [Edge("0", broken=(BAD,))], **far}, [BAD, HOME]))
    assert (found.states, found.all_states, found.possible) == (1, 501, frozenset())


def test_all_that_is_broken_is_the_shortest_where_everything_was_visited() -> None:
    table = {"s": [Edge("dead", broken=(BAD,)), to_home("s")], "dead": [Edge("dead")]}
    found = search(Graph(table, [BAD, HOME]))
    assert found.runs.keys() == found.shortest == {BAD, HOME}


def test_what_goes_on_finds_no_more_violations() -> None:
    """What was asked is decided; a limit that comes later ends nothing of that."""
    other = Property("other")
    table = {"s": [Edge("a", broken=(BAD,))], "a": [Edge("s", broken=(other,), witnessed=(HOME,))]}
    found = search(Graph(table, [BAD, other, HOME]), frozenset({BAD}))
    assert set(found.runs) == {BAD}
    assert found.possible == {HOME}
    found = search(Graph(table, [BAD, other, HOME]), frozenset({BAD}), Limits(max_states=1))
    assert (set(found.runs), found.possible, found.stopped) == ({BAD}, frozenset(), None)


def test_the_trap_is_never_left() -> None:
    table = {
        "s": [Edge("a"), Edge("b")],
        "a": [Edge("s")],
        "b": [Edge("c")],
        "c": [Edge("d"), Edge("b")],
        "d": [Edge("e")],
        "e": [Edge("f")],
        "f": [Edge("d")],
    }
    graph = Graph(table)
    assert trap(graph, "s", 10) == ["d", "e", "f"]
    assert trap(graph, "s", 7) == ["d", "e", "f"]
    assert trap(graph, "s", 6) is None
    assert trap(Graph({"s": [Edge("end")]}), "s", 10) == ["end"]
    assert ways(way_to(graph, "s", "e")) == ["s", "b", "c", "d", "e"]
    assert way_to(graph, "s", "s") == []


@pytest.mark.parametrize(("most", "expected"), [(2, None), (3, True), (4, True)])
def test_reaching_a_goal(most: int, expected: bool | None) -> None:
    graph = Graph({"s": [Edge("1")], "1": [Edge("2")], "2": [to_home("3")]}, [HOME])
    assert reaches_goal(graph, "s", HOME, most) is expected
    assert reaches_goal(Graph({"s": [Edge("s")]}, [HOME]), "s", HOME, most - 1) is False


# Against a reference


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Up to 25 states in any arrangement, some steps into goals."""
    count = draw(st.integers(1, 25))
    state, bit = st.integers(0, count - 1), st.sampled_from((0, 1))
    goals = draw(st.sets(state, max_size=4))
    table: dict[str, list[Edge]] = {str(n): [] for n in range(count)}
    for before, after, switches, events in draw(st.lists(st.tuples(state, state, bit, bit), max_size=3 * count)):
        table[str(before)].append(Edge(str(after), switches, events, (), (HOME,) if after in goals else ()))
    return Graph(table, [HOME])


def reference(graph: Graph) -> dict[str, tuple[int, int]]:
    """The reachable states that reach no goal, with the length of the shortest way to each, by relaxing all steps."""
    known = {graph.initial(): (0, 0)}
    for _ in graph.table:
        for state, steps in graph.table.items():
            for step in steps:
                if state in known:
                    length = (known[state][0] + step.switches, known[state][1] + step.events)
                    known[step.to] = min(length, known.get(step.to, length))
    good = {graph.initial()} | {step.to for state in known for step in graph.table[state] if step.witnessed}
    for _ in graph.table:
        good |= {state for state, steps in graph.table.items() if any(step.to in good for step in steps)}
    return {state: length for state, length in known.items() if state not in good}


@given(graphs())
def test_everything_agrees_with_the_reference(graph: Graph) -> None:
    lost = reference(graph)
    found = search(graph)
    assert (found.possible == {HOME}) == (not lost)
    assert (HOME in found.runs) == bool(lost)
    if lost:
        run = found.runs[HOME]
        length = (sum(step.switches for _, step in run), sum(step.events for _, step in run))
        assert length == min(lost.values())
        end = run[-1][1].state if run else graph.initial()
        assert lost[end] == length
        assert_leads(graph, run)


def assert_leads(graph: Graph, run: Run) -> None:
    state = graph.initial()
    for before, step in run:
        assert before == state
        assert step._replace(broken=()) in graph.steps(state)
        state = step.state


@given(graphs(), st.integers(0, 26))
def test_a_limit_never_makes_it_wrong(graph: Graph, limit: int) -> None:
    lost = reference(graph)
    found = search(graph, None, Limits(max_states=limit))
    assert not (found.possible and lost)
    for prop in found.runs:
        assert prop is HOME
        run = found.runs[prop]
        assert (run[-1][1].state if run else graph.initial()) in lost


@given(graphs())
def test_traps_agree_with_the_reference(graph: Graph) -> None:
    start = graph.initial()
    states = trap(graph, start, 100)
    assert states
    assert set(states) <= set(region(graph, start, 100)[0])
    for state in states:
        assert set(region(graph, state, 100)[0]) == set(states)
    run = way_to(graph, start, states[0])
    assert_leads(graph, run)
    assert [step.state for _, step in run][-1:] == ([states[0]] if run else [])


def test_steps_of_graphs_carry_what_they_witness() -> None:
    """Or else the tests above would test nothing."""
    (step,) = Graph({"s": [to_home("s")]}, [HOME]).steps("s")
    assert step == Step("s to s #0", "s", 0, 1, (), (HOME,))


def test_edges_are_followed_backwards() -> None:
    both = Backwards(3, [edge(0, 1), edge(1, 0)])
    assert list(both.reaching([1])) == [1, 1, 0]
    assert list(both.before(0)) == [1]
