"""A property that has been broken stays so: claims that say `violates`."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from ctxrace.claims.decide import decide
from ctxrace.claims.export import claim_text
from ctxrace.claims.parse import parse_claim
from ctxrace.claims.resolve import resolve
from ctxrace.core.claim import Answer, ClaimResult
from ctxrace.core.errors import ScenarioError
from ctxrace.kernel.check import check
from ctxrace.kernel.program import load

TWO = """
int busy; noinline void body(void) { barrier(); }
void task(void) { if (READ_ONCE(busy) == 0) { WRITE_ONCE(busy, 1); body(); WRITE_ONCE(busy, 0); } }
CTXRACE_TASKS(2, task); CTXRACE_EXCLUSIVE(body);
"""
CHECKED = """
int x; void task(void) { WRITE_ONCE(x, 1); ctxrace_check(READ_ONCE(x) == 1); WRITE_ONCE(x, 0); }
CTXRACE_TASKS(2, task);
"""
LEAKS = """
int x; void task(void) { WRITE_ONCE(x, READ_ONCE(x) + 1); WRITE_ONCE(x, READ_ONCE(x) - 1); }
CTXRACE_TASKS(2, task); CTXRACE_BALANCED(x);
"""
LEAK = ("1. A: reads x == 1", "2. A: x 2 -> 0", "3. B: x 0 -> -1")
WILD = "int *p; void task(void) { WRITE_ONCE(p, NULL); *READ_ONCE(p) = 1; } CTXRACE_TASKS(1, task);"
SLEEPS = "int x; void task(void) { preempt_disable(); x = 1; schedule(); preempt_enable(); } CTXRACE_TASKS(1, task);"
KEEPS = "int x; void task(void) { x = 1; preempt_disable(); x = 2; } CTXRACE_TASKS(1, task);"

Judge = Callable[..., ClaimResult]


@pytest.fixture
def judge(tmp_path: Path) -> Judge:
    def decided(source: str, *lines: str) -> ClaimResult:
        (tmp_path / "x.c").write_text(f"#include <ctxrace/kernel.h>\n{source}")
        program = load(tmp_path / "x.c")
        claim = parse_claim("\n".join(("system x.c", *lines)), "c.txt")
        return decide(program, resolve(claim, program.image, program.scenario))

    return decided


BOTH_WRITE = ("1. A: reads busy == 0", "2. switch to B", "3. B: busy 0 -> 1", "4. switch to A", "5. A: busy 1 -> 1")


@pytest.mark.parametrize(
    ("steps", "answer"),
    [
        # Both are in body at the end; the system notes each call with the write before it.
        (("6. B: runs body", "7. A: runs body"), Answer.CONFIRMED),
        # B enters before A has, and then A; or with a step after both have left.
        (("6. A: runs body",), Answer.CONFIRMED),
        (("6. A: busy 1 -> 0", "7. B: busy 0 -> 0"), Answer.CONFIRMED),
        (("6. A: busy 1 -> 0", "7. B: busy 0 -> 0", "8. idle"), Answer.CONFIRMED),
        # Here B has left body before A enters it, or A before B.
        (("6. B: body returns", "7. A: runs body"), Answer.IMPOSSIBLE),
        (("6. B finishes", "7. A: runs body"), Answer.IMPOSSIBLE),
        (("6. A finishes", "7. B: runs body", "8. B finishes"), Answer.IMPOSSIBLE),
        (("6. A finishes", "7. B finishes"), Answer.CONFIRMED),
    ],
)
def test_bodies_overlap_where_both_have_been_called(judge: Judge, steps: tuple[str, ...], answer: Answer) -> None:
    assert judge(TWO, *BOTH_WRITE, *steps).answer is Answer.CONFIRMED
    result = judge(TWO, *BOTH_WRITE, *steps, "outcome: violates exclusive")
    assert (result.answer, result.failed) == (answer, "" if answer is Answer.CONFIRMED else "outcome")


def test_a_call_is_not_said_after_what_it_has_broken(judge: Judge) -> None:
    steps = ("1. A: busy 0 -> 1", "2. B: busy 1 -> 1", "3. violates exclusive")
    assert judge(TWO, *steps, "4. B: body returns").answer is Answer.CONFIRMED
    assert judge(TWO, *steps, "4. B: runs body").failed == "4"


def test_what_is_broken_stays_broken(judge: Judge) -> None:
    steps = ("1. A: x 0 -> 1", "2. B: x 1 -> 0", "3. A: x 0 -> 0", "4. A finishes", "5. B finishes")
    assert judge(CHECKED, *steps, "outcome: idle and x == 0 and violates check").answer is Answer.CONFIRMED
    assert judge(CHECKED, *steps, "outcome: x == 1 and violates check").failed == "outcome"
    again = ("4. idle", "5. A starts", "6. A: x -1 -> 0")
    assert judge(LEAKS, *LEAK, *again, "outcome: x == 0 and violates balanced").answer is Answer.CONFIRMED
    assert judge(LEAKS, *LEAK, *again, "outcome: x == 1 and violates balanced").failed == "outcome"


def test_the_cpu_is_idle_after_the_last_return(judge: Judge) -> None:
    assert judge(LEAKS, *LEAK, "4. B finishes", "outcome: violates balanced").answer is Answer.CONFIRMED
    assert judge(LEAKS, *LEAK, "4. A finishes", "5. violates balanced").answer is Answer.CONFIRMED
    # One of them is the last, and after that no one of this attempt is left.
    assert judge(LEAKS, *LEAK, "4. violates balanced", "5. B finishes").failed == "5"
    assert judge(LEAKS, *LEAK, "4. violates balanced", "5. A finishes").failed == "5"


@pytest.mark.parametrize(
    ("source", "kind"), [(CHECKED, "check"), (WILD, "fault"), (SLEEPS, "sleep"), (KEEPS, "restored")]
)
def test_what_no_scenario_declares_can_be_claimed(judge: Judge, source: str, kind: str, tmp_path: Path) -> None:
    assert judge(source, f"outcome: violates {kind}").answer is Answer.CONFIRMED
    verdict = next(v for v in check(load(tmp_path / "x.c")).verdicts if v.property.kind == kind)
    assert verdict.interleaving is not None
    text = claim_text(verdict.interleaving, (verdict.property,), "x.c")
    assert text.endswith(f"outcome: violates {kind}\n")
    assert judge(source, *text.splitlines()[1:]).answer is Answer.CONFIRMED


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1. violates fair", "c.txt:2: 'violates fair': no such property; there are: exclusive(body), check, fault"),
        ("1. violates sleep and busy == 1", "what comes after it, or holds then, is not known; write last, and alone: "
         "violates sleep"),
        ("1. violates fault\n2. A finishes", "c.txt:2: 'violates fault': what comes after it"),
    ],
)  # fmt: skip
def test_what_cannot_be_violated_is_refused(judge: Judge, line: str, message: str) -> None:
    with pytest.raises(ScenarioError, match=re.escape(message)):
        judge(TWO, line)


def test_a_name_of_several_properties_is_refused(judge: Judge) -> None:
    with pytest.raises(ScenarioError, match=re.escape("write one of: balanced(x), balanced(y)")):
        judge(LEAKS.replace("int x;", "int x, y;") + "CTXRACE_BALANCED(y);", "outcome: violates balanced")
