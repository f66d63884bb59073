"""The flagship table, pinned: verdicts, exact state counts, shortest interleavings; for each compiler and level."""

import shutil
from collections.abc import Callable, Iterator

import pytest

from ctxrace.bpf.guards.case import Case
from ctxrace.bpf.guards.known import GUARDS, guard_path
from ctxrace.bpf.guards.run import run
from ctxrace.core.errors import ScenarioError
from ctxrace.core.facts.remark import AttemptsBounded
from ctxrace.core.verdict import Outcome, Result
from ctxrace.explore.watch import Engine
from ctxrace.kernel.program import load
from ctxrace.report.text import render_result, render_table

from .guard_cases import cases, guard_case

KINDS = ("exclusive", "balanced", "recovers", "progress")
HOLDS = "hhhh"

# Guard, preemption model, verdict of each of KINDS. With two or three tasks, softirq, hardirq and NMI.
EXPECTED = {
    ("generic-lse", "none"): HOLDS,
    ("generic-lse", "full"): HOLDS,
    ("generic-llsc", "none"): HOLDS,
    ("generic-llsc", "full"): HOLDS,
    ("arm64-v1", "none"): HOLDS,
    ("arm64-v1", "full"): "vvvv",
    ("arm64-merged", "none"): HOLDS,
    ("arm64-merged", "full"): HOLDS,
    ("no-exit", "none"): "hvvv",
    ("no-exit", "full"): "hvvv",
    # Each level puts back what it found, so nesting cannot hurt a plain ++ and --; two tasks can.
    ("plain-int", "none"): HOLDS,
    ("plain-int", "full"): "vvvv",
    # Each byte looks only at itself: an interrupt runs the body over a task that runs it.
    ("early-return", "none"): "vhhh",
    ("early-return", "full"): "vvvv",
}

# (states, transitions) at zig's -O2 with 2 tasks.
COUNTS = {
    ("generic-lse", "none"): (5_395, 6_267),
    ("generic-lse", "full"): (12_117, 14_090),
    ("generic-llsc", "none"): (12_985, 14_874),
    ("generic-llsc", "full"): (30_509, 34_981),
    ("arm64-v1", "none"): (3_258, 3_888),
    ("arm64-v1", "full"): (5_102, 8_021),
    ("arm64-merged", "none"): (19_754, 21_933),
    ("arm64-merged", "full"): (45_166, 50_144),
}

GCC = "aarch64-linux-gnu-gcc"
LEVELS = ["-O1", "-O2", "-O3", "-Os"]


def letters(result: Result) -> str:
    by_kind = {verdict.property.kind: verdict.outcome for verdict in result.verdicts}
    assert set(by_kind) == set(KINDS)
    return "".join(by_kind[kind][0] for kind in KINDS)


def needed(cc: str | None) -> None:
    if cc and not shutil.which(cc):
        pytest.skip(f"no {cc} here")


def combinations() -> Iterator[object]:
    quick = {(cc, level, 2) for cc in (None, GCC) for level in LEVELS} | {(cc, "-O2", 3) for cc in (None, GCC)}
    for cc in (None, "clang", GCC):
        for level in LEVELS:
            for tasks in (2, 3):
                marks = [] if (cc, level, tasks) in quick else [pytest.mark.slow]
                yield pytest.param(cc, level, tasks, marks=marks)


@pytest.mark.parametrize(("cc", "optimize", "tasks"), list(combinations()))
def test_the_table_is_the_same_for_every_compiler(cc: str | None, optimize: str, tasks: int) -> None:
    needed(cc)
    wanted = cases(tasks=tasks, cc=cc, optimize=optimize)
    assert {(case.guard, case.preemption): letters(case.check()) for case in wanted} == EXPECTED


@pytest.mark.parametrize("case", cases(tasks=1), ids=lambda case: f"{case.guard}-{case.preemption}")
def test_with_one_task_only_interrupts_can_break_anything(case: Case) -> None:
    # no-exit leaks whenever an interrupt is refused. early-return refuses nobody: an interrupt's byte is not the
    # task's. All others hold: an attempt that cuts in is done, and has put everything back, before the other goes on.
    expected = {"no-exit": "hvvv", "early-return": "vhhh"}.get(case.guard, HOLDS)
    assert letters(case.check()) == expected


@pytest.mark.parametrize("key", COUNTS, ids="-".join)
def test_state_counts_are_exact(key: tuple[str, str]) -> None:
    verdict = guard_case(*key, engine=Engine.REFERENCE).check().verdicts[0]
    assert (verdict.states, verdict.transitions) == COUNTS[key]


def test_states_of_merged_grow_linearly_with_the_tasks() -> None:
    found = [guard_case("arm64-merged", "full", tasks=n, engine=Engine.REFERENCE).check() for n in (1, 2, 3, 4)]
    assert [result.verdicts[0].states for result in found] == [19_754, 45_166, 70_578, 95_990]


def test_v1_breaks_in_as_many_events_as_worked_out_by_hand() -> None:
    # A: ldrb 0 | B: ldrb 0, strb 1, ldr 1 and enters | A: strb 1, ldr 1 and enters: 2 switches, 6 events.
    # The leak: each of two attempts is ldrb, strb, ldr (refused), ldrb, strb, and one decrement is lost.
    result = guard_case("arm64-v1", "full").check()
    found = {v.property.kind: (v.interleaving.switches, len(v.interleaving.events)) for v in result.verdicts
             if v.interleaving}  # fmt: skip
    assert found == {"exclusive": (2, 6), "balanced": (3, 10), "recovers": (3, 10), "progress": (3, 10)}


def test_without_a_bound_no_exit_counts_its_byte_round_and_both_run() -> None:
    # A runs the body; each of B's refused attempts adds 1 for ever. After 255 the byte is 0 again, and one more
    # attempt reads 1: five events for each attempt, with that of A 5 + 256 * 5 = 1285.
    result = guard_case("no-exit", "full", only=("exclusive",), attempts="unlimited").check()
    found = result.verdicts[0]
    assert found.outcome is Outcome.VIOLATED
    assert found.interleaving is not None
    assert (found.interleaving.switches, len(found.interleaving.events)) == (1, 1285)


def test_what_is_bounded_says_so() -> None:
    result = guard_case("no-exit", "none").check()
    assert AttemptsBounded(1) in result.notes


def test_reports(golden: Callable[[str, str], None]) -> None:
    results = list(run(cases(), jobs=2).results)
    golden("table.txt", render_table(results))
    for result in results:
        if result.setup.preemption == "full" and result.outcome is Outcome.VIOLATED:
            golden(f"{result.case}.txt", render_result(result))


def test_every_guard_has_a_file_that_compiles_without_a_word() -> None:
    assert [load(guard_path(guard)).messages for guard in GUARDS] == [""] * len(GUARDS)


def test_unknown_names_are_errors_that_list_what_exists() -> None:
    with pytest.raises(ScenarioError, match="no guard 'v2'; ctxrace has: generic-lse"):
        cases(["v2"])
    with pytest.raises(ScenarioError, match=r"unknown preemption model 'some' .*has: none, voluntary, full, lazy, rt"):
        guard_case("arm64-v1", "some")
    with pytest.raises(ScenarioError, match="no property 'fair' in this scenario; it has: exclusive"):
        guard_case("arm64-v1", "full", only=("fair",)).check()
