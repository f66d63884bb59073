"""Schedules: text both ways."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctxrace.core.errors import ScenarioError
from ctxrace.core.schedule import Schedule, Stint

WHO = st.sampled_from(["A", "B", "T26", "A@1", "~B", "softirq", "hardirq:entry_2", "nmi"])


def test_text_says_who_takes_how_many_steps() -> None:
    schedule = Schedule("1f3a90bc", "5d20e1c7", (Stint("A", 1), Stint("B", 3), Stint("A", 2)))
    assert str(schedule) == "1f3a90bc.5d20e1c7:A:1 B:3 A:2"


def test_repetition_is_folded() -> None:
    schedule = Schedule("0" * 8, "1" * 8, (Stint("A", 5), *[Stint("B", 5)] * 256, Stint("A", 0)))
    assert str(schedule) == "00000000.11111111:A:5 B:5*256 A:0"
    assert Schedule.parse(str(schedule)) == schedule


@given(st.lists(st.builds(Stint, WHO, st.integers(0, 999)), max_size=30))
def test_what_is_written_can_be_read(stints: list[Stint]) -> None:
    schedule = Schedule("deadbeef", "00c0ffee", tuple(stints))
    assert Schedule.parse(f"  {schedule}\n") == schedule


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is not a schedule; one looks like"),
        ("A:1 B:3", "is not a schedule"),
        ("1f3a90bc.5d20e1c7:A:1 B", "'B', word 2 of the schedule"),
        ("1f3a90bc.5d20e1c7:17", "'17', word 1 of the schedule"),
        ("1f3a90bc.5d20e1c7:A:1*", "'A:1*', word 1"),
        ("1f3a90bc.5d20e1c7:A:99999999999", "word 1"),
    ],
)
def test_what_cannot_be_read_is_quoted(text: str, told: str) -> None:
    with pytest.raises(ScenarioError, match=told.replace("*", r"\*")):
        Schedule.parse(text)
