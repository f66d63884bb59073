"""Replay: every violation that is printed, replayed by its own schedule, is told in the same words."""

from dataclasses import replace as changed
from pathlib import Path

import pytest

from ctxrace.bpf.guards.case import Case, cases
from ctxrace.bpf.guards.known import guard_path
from ctxrace.core.errors import ScenarioError
from ctxrace.core.schedule import Schedule, Stint
from ctxrace.kernel.change import ScenarioChange
from ctxrace.kernel.check import check
from ctxrace.kernel.program import Program, load
from ctxrace.kernel.replay import replay
from ctxrace.kernel.scenario import Scenario

# Tasks that are told apart, several entries and handlers of one level, LL/SC that a task passing by disturbs.
MANY = """
#include <ctxrace/kernel.h>
struct task_struct *owner;
int lock, x;
void first(void) { WRITE_ONCE(owner, current); x = 1; ctxrace_check(READ_ONCE(owner) == current); x = 0; }
void second(void) { int y = READ_ONCE(x); WRITE_ONCE(owner, current); ctxrace_check(!y); }
void one(void) { WRITE_ONCE(lock, 1); WRITE_ONCE(lock, 0); }
void two(void) { ctxrace_check(!READ_ONCE(lock)); WRITE_ONCE(x, 2); WRITE_ONCE(x, 0); }
CTXRACE_TASKS(2, first);
CTXRACE_TASKS(1, second);
CTXRACE_SOFTIRQ(one);
CTXRACE_HARDIRQ(one);
CTXRACE_HARDIRQ(two);
CTXRACE_BALANCED(x);
CTXRACE_BALANCED(owner);
"""
PASSING_BY = """
#include <ctxrace/kernel.h>
int x, y;
void exclusive(void)
{
	u32 seen, failed;

	asm volatile("ldxr %w0, %2\\n stxr %w1, %w0, %2" : "=&r" (seen), "=&r" (failed), "+Q" (x));
	if (failed)
		WRITE_ONCE(y, 1);
}
void other(void) { READ_ONCE(y); }
CTXRACE_TASKS(1, exclusive);
CTXRACE_TASKS(1, other);
CTXRACE_BALANCED(y);
"""


def round_trip(program: Program, scenario: Scenario) -> int:
    replayed = 0
    for verdict in check(program, scenario).verdicts:
        if verdict.interleaving is not None:
            schedule = Schedule.parse(verdict.interleaving.schedule)
            told, broken = replay(program, schedule, scenario)
            assert told == verdict.interleaving
            assert verdict.property in broken
            replayed += 1
    return replayed


@pytest.mark.parametrize("case", cases(), ids=lambda case: f"{case.guard}-{case.preemption}")
def test_every_violation_of_a_guard_replays(case: Case) -> None:
    program = load(guard_path(case.guard))
    scenario = ScenarioChange.of(tasks=2, preemption=case.preemption).apply(program.scenario)
    expected = {"arm64-v1-full": 4, "no-exit-none": 3, "no-exit-full": 3, "plain-int-full": 4, "early-return-none": 1,
                "early-return-full": 4}  # fmt: skip
    assert round_trip(program, scenario) == expected.get(f"{case.guard}-{case.preemption}", 0)


def test_a_schedule_replays_on_another_architecture() -> None:
    program = load(guard_path("arm64-v1", "x86-64"), arch="x86-64")
    assert round_trip(program, program.scenario) == 1  # progress


def test_a_long_schedule_replays() -> None:
    program = load(guard_path("no-exit"))
    scenario = ScenarioChange.of(attempts="unlimited", only="exclusive").apply(program.scenario)
    assert round_trip(program, scenario) == 1


@pytest.mark.parametrize("source", [MANY, PASSING_BY])
def test_names_in_schedules_are_unambiguous(tmp_path: Path, source: str) -> None:
    path = tmp_path / "test.c"
    path.write_text(source)
    program = load(path)
    assert round_trip(program, program.scenario) >= 1


@pytest.fixture
def racy() -> tuple[Program, Schedule]:
    program = load(guard_path("arm64-v1"))
    found = check(program).verdicts[0].interleaving
    assert found is not None
    return program, Schedule.parse(found.schedule)


def test_a_schedule_for_other_code_is_refused(racy: tuple[Program, Schedule]) -> None:
    _, schedule = racy
    with pytest.raises(ScenarioError, match="made for other machine code"):
        replay(load(guard_path("arm64-v1"), optimize="-O0"), schedule)


def test_a_schedule_for_another_scenario_is_refused(racy: tuple[Program, Schedule]) -> None:
    program, schedule = racy
    with pytest.raises(ScenarioError, match="made for another scenario"):
        replay(program, schedule, ScenarioChange.of(preemption="none").apply(program.scenario))


@pytest.mark.parametrize(
    ("stints", "told"),
    [
        ((Stint("C", 1),), "'C:1', stint 1 of the schedule, cannot happen; who could run there: softirq, hardirq"),
        ((Stint("A", 99),), "'A:99', stint 1"),
        ((Stint("A", 1), Stint("B", 2), Stint("D", 1)), "'D:1', stint 3"),
        ((Stint("nmi", 1), Stint("hardirq", 1)), "'hardirq:1', stint 2 of the schedule, cannot happen"),
    ],
)
def test_what_cannot_happen_is_named(racy: tuple[Program, Schedule], stints: tuple[Stint, ...], told: str) -> None:
    program, schedule = racy
    with pytest.raises(ScenarioError, match=told):
        replay(program, changed(schedule, stints=stints))


def test_where_the_file_lies_changes_neither_code_nor_schedule(tmp_path: Path) -> None:
    schedules = []
    for folder in ("here", "a_directory_with_a_longer_name/and_another"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "many.c").write_text(MANY)
        program = load(tmp_path / folder / "many.c", cache=tmp_path)
        (*_, verdict) = (verdict for verdict in check(program).verdicts if verdict.interleaving)
        assert verdict.interleaving is not None
        schedules.append(verdict.interleaving.schedule)
    assert schedules[0] == schedules[1]
    replay(program, Schedule.parse(schedules[0]), program.scenario)
