"""Steps that an earlier run has evaluated: the same ones, found under all that they depend on, and nothing else."""

from dataclasses import replace
from pathlib import Path

import pytest

from ctxrace.bpf.guards.case import Case, cases
from ctxrace.bpf.guards.known import GUARDS_OF
from ctxrace.core.facts.remark import TasksToldApart
from ctxrace.core.verdict import Result
from ctxrace.kernel.check import check
from ctxrace.kernel.model.flows import Flows
from ctxrace.kernel.model.known_steps import KnownSteps
from ctxrace.kernel.program import Build, Program, load
from ctxrace.kernel.rules.contexts import Level
from ctxrace.kernel.rules.preemption import Preemption
from ctxrace.kernel.scenario import Handler, Tasks
from ctxrace.machine.findings import store

COUNTER = """#include <ctxrace/kernel.h>
int x, y;
static noinline void body(void) {{ WRITE_ONCE(y, READ_ONCE(y)); }}
void e(void) {{ if (READ_ONCE(x) == {0}) body(); WRITE_ONCE(x, READ_ONCE(x) + 1); WRITE_ONCE(x, READ_ONCE(x) - 1); }}
CTXRACE_TASKS(2, e); CTXRACE_EXCLUSIVE(body); CTXRACE_BALANCED(x);
"""
SAVES_CONTEXT = """#include <ctxrace/kernel.h>
int x;
struct bpf_run_ctx {{ int y; }};
void e(void) {{
    struct bpf_run_ctx mine, *before = current->bpf_ctx;
    current->bpf_ctx = (void *)&mine;
    WRITE_ONCE(x, READ_ONCE(x) + 1); WRITE_ONCE(x, READ_ONCE(x) - 1);
    current->bpf_ctx = before;
}}
CTXRACE_TASKS(2, e); CTXRACE_HARDIRQ(e); CTXRACE_NMI(e); CTXRACE_BALANCED(x);
"""
TELLS_APART = """#include <ctxrace/kernel.h>
int x;
void e(void) {{ if (current->pid == 101) WRITE_ONCE(x, READ_ONCE(x) + 1); }}
CTXRACE_TASKS(2, e); CTXRACE_BALANCED(x);
"""


@pytest.fixture
def evaluated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Keep findings in a directory of the test; return what is evaluated, which grows."""
    monkeypatch.delenv(store.OFF, raising=False)
    monkeypatch.setattr(store, "default_cache", lambda: tmp_path / "cache")
    found: list[object] = []
    evaluate = Flows._evaluate

    def noted(flows: Flows, *step: object) -> object:
        found.append(step)
        return evaluate(flows, *step)  # type: ignore[arg-type]

    monkeypatch.setattr(Flows, "_evaluate", noted)
    return found


def program(folder: Path, text: str, value: int = 1) -> Program:
    path = folder / "case.c"
    path.write_text(text.format(value))
    return load(path)


def plain(result: Result) -> Result:
    """`result` without how long it took."""
    verdicts = tuple(replace(verdict, seconds=0.0) for verdict in result.verdicts)
    hang = None if result.hang is None else replace(result.hang, seconds=0.0)
    return replace(result, verdicts=verdicts, hang=hang)


@pytest.mark.parametrize("text", [COUNTER, SAVES_CONTEXT, TELLS_APART])
def test_nothing_is_evaluated_again(
    text: str, tmp_path: Path, evaluated: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the result is the same, whether steps are kept, found, or neither."""
    case = program(tmp_path, text)
    first = plain(check(case))
    number = len(evaluated)
    assert number > 8
    assert plain(check(case)) == first
    again = len(evaluated) - number
    assert again == (1 if TasksToldApart() in first.notes else 0)  # a step that shows it is found out each time
    monkeypatch.setenv(store.OFF, "1")
    assert plain(check(case)) == first
    assert len(evaluated) == 2 * number + again


@pytest.mark.parametrize("change", [
    {"tasks": (Tasks(3, "e"),)},
    {"handlers": (Handler(Level.NMI, "e"),)},
    {"handlers": (Handler(Level.NMI, "e"),), "entry_window": True},
    {"statistics": ("y",)},
])  # fmt: skip
def test_another_scenario_is_another_key(change: dict[str, object], tmp_path: Path, evaluated: list[object]) -> None:
    case = program(tmp_path, COUNTER)
    check(case)
    del evaluated[:]
    check(case, replace(case.scenario, **change))  # type: ignore[arg-type]
    number = len(evaluated)
    assert number > 8
    check(case, replace(case.scenario, **change))  # type: ignore[arg-type]
    assert len(evaluated) == number


def test_another_image_is_another_key(tmp_path: Path, evaluated: list[object]) -> None:
    check(program(tmp_path, COUNTER, 1))
    del evaluated[:]
    check(program(tmp_path, COUNTER, 0))
    assert len(evaluated) > 8


def test_another_tool_is_another_key(
    tmp_path: Path, evaluated: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    check(program(tmp_path, COUNTER))
    del evaluated[:]
    monkeypatch.setattr(store, "_tool", lambda: "another")
    check(program(tmp_path, COUNTER))
    assert len(evaluated) > 8


def test_a_smaller_search_is_continued(tmp_path: Path, evaluated: list[object]) -> None:
    """Where only some of the steps are known, the others are evaluated, and kept with them."""
    case = program(tmp_path, COUNTER, 0)
    check(case, replace(case.scenario, attempts=1, preemption=Preemption.NONE))
    small = len(evaluated)
    check(case)
    large = len(evaluated) - small
    assert large > 0
    check(case)
    check(case, replace(case.scenario, attempts=1, preemption=Preemption.NONE))
    assert len(evaluated) == small + large


def test_a_damaged_file_costs_time_alone(tmp_path: Path, evaluated: list[object]) -> None:
    case = program(tmp_path, COUNTER)
    first = plain(check(case))
    number = len(evaluated)
    for path in (tmp_path / "cache" / "findings").iterdir():
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 4
        path.write_bytes(data)
    assert plain(check(case)) == first
    assert len(evaluated) == 2 * number


def every_step_again(wanted: list[Case], monkeypatch: pytest.MonkeyPatch) -> int:
    """Check the cases twice; evaluate each step that the second time finds, and compare; return how many those are."""
    first = [plain(case.check()) for case in wanted]
    compared = 0
    look_up, find = Flows._look_up, KnownSteps.find
    running: list[Flows] = []

    def noted(flows: Flows, *step: object) -> object:
        running.append(flows)
        outcome = look_up(flows, *step)  # type: ignore[arg-type]
        running.pop()
        return outcome

    def compare(known: KnownSteps, *step: object) -> object:
        nonlocal compared
        found = find(known, *step)  # type: ignore[arg-type]
        if found is not None:
            outcome, memory, _ = running[-1]._evaluate(*step)  # type: ignore[arg-type]
            assert outcome == found.outcome
            assert tuple(memory.reads) == found.reads
            if running[-1]._blind:
                assert running[-1]._check_blindness(step[0], memory)[:2] == found.seen[:2]  # type: ignore[arg-type]
            compared += 1
        return found

    with monkeypatch.context() as patch:
        patch.setattr(Flows, "_look_up", noted)
        patch.setattr(KnownSteps, "find", compare)
        assert [plain(case.check()) for case in wanted] == first
    return compared


@pytest.mark.usefixtures("evaluated")
def test_the_steps_of_a_guard_again(monkeypatch: pytest.MonkeyPatch) -> None:
    assert every_step_again(cases(["arm64-v1"], [Preemption.FULL]), monkeypatch) == 136


@pytest.mark.slow
@pytest.mark.usefixtures("evaluated")
@pytest.mark.parametrize("arch", GUARDS_OF)
def test_the_steps_of_all_guards_again(arch: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert every_step_again(cases(build=Build(arch=arch)), monkeypatch) > 300
