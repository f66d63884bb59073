"""How many states many tasks would have: what is said of growth that is known, and what of growth that is not."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ctxrace.bpf.guards.known import guard_path
from ctxrace.core.errors import ExecutionError
from ctxrace.core.facts.forecast import Bound, Forecast, Seen
from ctxrace.core.facts.reason import SearchEnded
from ctxrace.core.facts.stop import Interrupted, StateLimit, TimeLimit
from ctxrace.core.verdict import Outcome
from ctxrace.explore.search import Exploration, Limits
from ctxrace.kernel.change import ScenarioChange
from ctxrace.kernel.check import check, explore
from ctxrace.kernel.forecast import SMALL, forecast
from ctxrace.kernel.program import load
from ctxrace.kernel.scenario import Scenario, Tasks
from ctxrace.report.sentences.stop import forecast_phrase, roughly

# Tasks that are told apart: each further one multiplies the states.
APART = """
#include <ctxrace/kernel.h>
struct task_struct *owner;
void attempt(void) { WRITE_ONCE(owner, current); ctxrace_check(READ_ONCE(owner)); }
CTXRACE_TASKS(2, attempt);
"""


def said(states: Callable[[int], int], tasks: int, *more: int) -> str:
    """What is said where so many tasks, all in all, have so many states."""

    def visit(scenario: Scenario, limits: Limits) -> Exploration:
        number = states(sum(group.count for group in scenario.tasks))
        assert limits.max_states == SMALL
        return Exploration(min(number, SMALL), 0, 1.0, exhausted=number <= SMALL)

    groups = tuple(Tasks(count, f"entry{n}") for n, count in enumerate((tasks, *more)))
    found = forecast(Scenario(tasks=groups), Limits(), visit)
    return forecast_phrase(found) if found else ""


@pytest.mark.parametrize(
    ("states", "told"),
    [
        (lambda n: 19_754 + 25_412 * (n - 1),
         "2 tasks have 45,166 states, each further one 25,412 more: about 2.5 billion for 100,000"),
        (lambda n: n**2, "2, 3 and 4 tasks have 4, 9 and 16 states: more than 699,988 for 100,000"),
        (lambda n: 30 - 32 // 2**n,
         "2, 3 and 4 tasks have 22, 26 and 28 states, each further one less: no more than 200,020 for 100,000"),
        (lambda n: 500 * 20 ** (n - 2),
         "2 tasks have 500 states, 3 tasks have 10,000 states, 4 more than 200,000: far more for 100,000"),
        (lambda _: SMALL + 1, "2 tasks have more than 200,000: far more for 100,000"),
    ],
    ids=["linear", "faster", "slower", "too many with 4", "too many"],
)  # fmt: skip
def test_what_is_said(states: Callable[[int], int], told: str) -> None:
    if told.startswith("2 tasks have 500"):
        assert said(lambda n: states(n) + (n == 4), 100_000) == told
    else:
        assert said(states, 100_000) == told


def test_few_tasks_are_their_own_forecast() -> None:
    assert said(lambda n: n, 4) == ""
    assert said(lambda n: n, 4, 3, 2) == ""


def test_where_several_entries_have_many_tasks_only_a_bound_is_claimed() -> None:
    told = said(lambda n: 10 * n, 100, 50)
    assert told == "2, 3 and 4 tasks of each entry have 40, 60 and 80 states: more than 2,000 for 100"


def test_what_cannot_be_told_is_not() -> None:
    scenario = Scenario(tasks=(Tasks(9, "entry"),))

    def found(exploration: Exploration | Exception) -> Forecast | None:
        def visit(_: Scenario, limits: Limits) -> Exploration:
            assert limits.timeout == 0.5
            if isinstance(exploration, Exception):
                raise exploration
            return exploration

        return forecast(scenario, Limits(timeout=5), visit)

    assert found(Exploration(10, 0, 0.5, exhausted=False, stopped=TimeLimit(0.5))) is None
    assert found(ExecutionError("no code")) is None
    with pytest.raises(KeyboardInterrupt):
        found(Exploration(10, 0, 0.5, exhausted=False, stopped=Interrupted()))


def test_roughly() -> None:
    numbers = [999_999, 1_000_000, 2_541_155_168, 7 * 10**12, 3 * 10**15, 10**30]
    assert [roughly(n) for n in numbers] == [
        "999,999", "1.0 million", "2.5 billion", "7.0 trillion", "3.0e+15", "1.0e+30",
    ]  # fmt: skip


def test_a_forecast_comes_true_and_comes_early(tmp_path: Path) -> None:
    program = load(guard_path("generic-byte"), cache=tmp_path)
    change = ScenarioChange.of(tasks=100, softirq="none", hardirq="none", nmi="none", only="exclusive")
    scenario = change.apply(program.scenario)
    expected: list[Forecast] = []
    result = check(program, scenario, limits=Limits(max_states=50), expect=expected.append)
    (verdict,) = result.verdicts
    assert verdict.outcome is Outcome.INCOMPLETE
    assert verdict.reason == SearchEnded(StateLimit(50), expected[0])
    assert (expected[0].tasks, expected[0].bound) == (100, Bound.ABOUT)
    assert expected[0].states == explore(program, scenario, everything=True)[1].states


def test_tasks_that_are_told_apart_take_no_more_memory_than_the_limit_allows(tmp_path: Path) -> None:
    path = tmp_path / "apart.c"
    path.write_text(APART, encoding="utf-8")
    program = load(path, cache=tmp_path)
    scenario = replace(program.scenario, tasks=(Tasks(2_000, "attempt"),))
    (verdict,) = check(program, scenario, limits=Limits(max_states=400)).verdicts
    assert verdict.outcome is Outcome.INCOMPLETE
    seen = (Seen(2, 25, exhausted=True), Seen(3, 97, exhausted=True), Seen(4, 321, exhausted=True))
    stop = StateLimit(400, 2_001, 1)
    assert verdict.reason == SearchEnded(stop, Forecast(2_000, seen, Bound.MORE_THAN, 447_425))
