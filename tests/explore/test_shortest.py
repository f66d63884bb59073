"""Shortest runs: how long steps are, which ways are kept, and which of several runs as short is shown."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from ctxrace.core.property import Property
from ctxrace.core.system import Step
from ctxrace.explore.shortest import EVENT, SWITCH, Violations, Way, Ways, cost, first_run

P, Q = Property("p"), Property("q")


@pytest.mark.parametrize(
    ("switches", "events", "length"), [(0, 0, 1), (0, 2, 2 * EVENT + 1), (3, 1, 3 * SWITCH + EVENT + 1)]
)
def test_a_step_is_as_long_as_its_switches_its_events_and_itself(switches: int, events: int, length: int) -> None:
    assert cost(Step("step", "there", switches, events)) == length


def test_a_switch_outweighs_events_and_an_event_outweighs_steps() -> None:
    assert (SWITCH // EVENT, EVENT) == (1 << 22, 1 << 22)


def test_the_ways_to_a_state_are_the_shortest_ones() -> None:
    ways = Ways()
    ways.begin()
    ways.add(0, 3)
    ways.also(1, 0, 4, 7)
    ways.add(1, 0, 9)
    ways.also(2, 1, 2)
    assert [list(ways[number]) for number in range(3)] == [
        [],
        [Way(0, 4, 7), Way(0, 3)],
        [Way(1, 2), Way(1, 0, 9)],
    ]
    ways.replace(2, 0, 5)
    assert (list(ways[1]), list(ways[2])) == ([Way(0, 4, 7), Way(0, 3)], [Way(0, 5)])


def test_of_violations_those_of_the_shortest_runs_are_kept() -> None:
    broken = Violations()
    assert broken.note(P, 20, 1, 2, P)
    assert not broken.note(P, 21, 8, 8)
    assert not broken.note(P, 20, 3, 4, Q)
    assert broken.note(Q, 15, 5, 6)
    assert (broken.lengths, broken.ways) == ({P: 20, Q: 15}, {P: [Way(1, 2, P), Way(3, 4, Q)], Q: [Way(5, 6)]})
    assert [broken.until(length) for length in (14, 15, 19, 20)] == [set(), {Q}, {Q}, {P, Q}]
    assert broken.note(P, 19, 7, 7)
    assert (broken.lengths[P], broken.ways[P]) == (19, [Way(7, 7)])


def through(inside: Mapping[Any, Sequence[int]], last: Sequence[Way] = (Way(1, 4), Way(2, 5))) -> list[Way]:
    """Return the run to show where step 0 of state 0 comes to state 1 or 2; inside: the ranks within it to either."""
    ways = Ways()
    ways.begin()
    ways.add(0, 0, 11)
    ways.add(0, 0, 12)
    return first_run(ways, 0, last, lambda way: inside[way.inside])


def test_runs_that_part_in_a_nested_run_are_told_apart_by_the_steps_there() -> None:
    """Not by what comes after it, which is another number of steps away."""
    assert through({11: (1, 0), 12: (0, 9)}) == [Way(0, 0, 12), Way(2, 5)]
    assert through({11: (0, 9), 12: (1, 0)}) == [Way(0, 0, 11), Way(1, 4)]


def test_runs_that_part_after_a_nested_run_are_told_apart_there() -> None:
    same = {11: (3, 3), 12: (3, 3)}
    assert through(same) == [Way(0, 0, 11), Way(1, 4)]
    assert through(same, [Way(1, 6), Way(2, 5)]) == [Way(0, 0, 12), Way(2, 5)]


def test_where_the_first_state_is_meant_no_step_is_shown() -> None:
    assert first_run(Ways(), 0, []) == []
