"""Schedules: text both ways."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctxrace.core.errors import ScenarioError
from ctxrace.core.names import task_name, task_number
from ctxrace.core.schedule import Schedule, Stint

TASKS = ["A", "B", "C", "Y", "Z", "T26", "T27", "T28", "A@1", "B@1", "C@1", "C/0", "T9"]
WHO = st.sampled_from([*TASKS, "~B", "softirq", "hardirq:entry_2", "nmi"])


def test_text_says_who_takes_how_many_steps() -> None:
    schedule = Schedule("1f3a90bc", "5d20e1c7", (Stint("A", 1), Stint("B", 3), Stint("A", 2)))
    assert str(schedule) == "1f3a90bc.5d20e1c7:A:1 B:3 A:2"


def test_repetition_is_folded() -> None:
    schedule = Schedule("0" * 8, "1" * 8, (Stint("A", 5), *[Stint("B", 5)] * 256, Stint("A", 0)))
    assert str(schedule) == "00000000.11111111:A:5 B:5*256 A:0"
    assert Schedule.parse(str(schedule)) == schedule


def test_tasks_one_after_the_other_are_folded() -> None:
    def spelled(*stints: Stint) -> str:
        schedule = Schedule("0" * 8, "1" * 8, stints)
        assert Schedule.parse(str(schedule)) == schedule
        return str(schedule).partition(":")[2]

    tasks = [Stint(task_name(number), 5) for number in range(257)]
    assert spelled(*tasks) == "A..T256:5"
    assert spelled(Stint("A", 2), *tasks[2:], Stint("nmi", 3)) == "A:2 C..T256:5 nmi:3"
    assert spelled(*tasks[24:27], *tasks[24:26], Stint("A", 5)) == "Y..T26:5 Y:5 Z:5 A:5"
    assert spelled(*[Stint(f"{task_name(number)}@1/0", 7) for number in range(3)]) == "A..C@1/0:7"
    assert spelled(Stint("A@1", 7), Stint("B@2", 7), Stint("C@1", 7)) == "A@1:7 B@2:7 C@1:7"
    assert spelled(Stint("A", 7), Stint("B", 7), Stint("C", 8)) == "A:7 B:7 C:8"
    assert Schedule.parse("00000000.11111111:A..C:2*2").stints == tuple(Stint(who, 2) for who in "AABBCC")


def test_names_of_tasks() -> None:
    assert [task_name(number) for number in (0, 25, 26, 256)] == ["A", "Z", "T26", "T256"]
    assert all(task_number(task_name(number)) == number for number in range(300))
    assert [task_number(name) for name in ("", "a", "AB", "T0", "T5", "T026", "softirq", "A@1")] == [None] * 8


@given(st.lists(st.builds(Stint, WHO, st.sampled_from([0, 1, 1, 999])), max_size=30))
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
        ("1f3a90bc.5d20e1c7:B..A:5", "'B..A:5', word 1 of the schedule, is not a row of tasks: from one to a later"),
        ("1f3a90bc.5d20e1c7:A:1 C..nmi:5", "'C..nmi:5', word 2 of the schedule, is not a row of tasks"),
        ("1f3a90bc.5d20e1c7:A..T99999999:5", "is not a row of tasks"),
        ("1f3a90bc.5d20e1c7:C..C:5", "from one to a later one, like C..T30:5"),
        ("1f3a90bc.5d20e1c7:C..T5:5", "is not a row of tasks"),
        ("1f3a90bc.5d20e1c7:T5..C:5", "is not a row of tasks"),
        ("1f3a90bc.5d20e1c7:A:1*999999 A:1*999999", "word 2 of the schedule, makes it longer than 1,000,000 stints"),
        ("1f3a90bc.5d20e1c7:A..D:0*250001", "word 1 of the schedule, makes it longer than 1,000,000 stints"),
        ("1f3a90bc.5d20e1c7:A:1 A:10000000", "'A:10000000', word 2 of the schedule, makes it longer than 10,000,000"),
        ("1f3a90bc.5d20e1c7:A..D:2500001", "word 1 of the schedule, makes it longer than 10,000,000 steps"),
        ("1f3a90bc.5d20e1c7:A:2500001*4", "word 1 of the schedule, makes it longer than 10,000,000 steps"),
    ],
)
def test_what_cannot_be_read_is_quoted(text: str, told: str) -> None:
    with pytest.raises(ScenarioError, match=told.replace("*", r"\*")):
        Schedule.parse(text)


def test_a_long_text_is_quoted_only_from_its_beginning() -> None:
    for text, quoted in (("x" * 80, repr("x" * 80)), ("x" * 81, repr("x" * 80 + "..."))):
        with pytest.raises(ScenarioError) as raised:
            Schedule.parse(text)
        assert str(raised.value).startswith(f"{quoted} is not a schedule")


def test_an_entry_may_be_called_anything() -> None:
    assert Schedule.parse("1f3a90bc.5d20e1c7:hardirq:f..g:5").stints == (Stint("hardirq:f..g", 5),)


@pytest.mark.parametrize(("words", "stints"), [("A..D:0*250000", 1_000_000), ("A..D:2499999 A:4", 5)])
def test_a_schedule_may_have_its_greatest_length(words: str, stints: int) -> None:
    assert len(Schedule.parse(f"12345678.12345678:{words}").stints) == stints


@pytest.mark.parametrize("words", ["A:999999999", "A:9999999 B:9999999", "A:999999*999999", f"A:{'9' * 5000}"])
def test_a_schedule_has_a_greatest_length(words: str) -> None:
    with pytest.raises(ScenarioError) as raised:
        Schedule.parse(f"12345678.12345678:{words}")
    assert len(str(raised.value)) < 200
