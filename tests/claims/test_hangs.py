"""Claims that say `hangs`: the entries in flight can never come to their end."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ctxrace.claims.decide import decide
from ctxrace.claims.observer import conditions
from ctxrace.claims.parse import parse_claim
from ctxrace.claims.resolve import resolve
from ctxrace.core.claim import Answer, ClaimResult, OutcomeFound
from ctxrace.core.errors import LimitReached
from ctxrace.kernel.program import load

LOCKED = """
int lock;
void task(void) { %s while (xchg(&lock, 1)) barrier(); WRITE_ONCE(lock, 0); %s }
void irq(void) { while (xchg(&lock, 1)) barrier(); WRITE_ONCE(lock, 0); }
CTXRACE_TASKS(1, task); CTXRACE_HARDIRQ(irq);
"""
WRONG = LOCKED % ("", "")
RIGHT = LOCKED % ("local_irq_disable();", "local_irq_enable();")

WAKEUP = """
int ready;
void task(void) { while (!READ_ONCE(ready)) barrier(); WRITE_ONCE(ready, 0); }
void irq(void) { WRITE_ONCE(ready, 1); }
CTXRACE_TASKS(1, task); CTXRACE_HARDIRQ(irq);
"""

Judge = Callable[..., ClaimResult]


@pytest.fixture
def judge(tmp_path: Path) -> Judge:
    def decided(source: str, *lines: str, head: str = "system x.c") -> ClaimResult:
        (tmp_path / "x.c").write_text(f"#define CTXRACE_LSE 1\n#include <ctxrace/kernel.h>\n{source}")
        program = load(tmp_path / "x.c", cache=tmp_path)
        claim = parse_claim("\n".join((head, *lines)), "c.txt")
        return decide(program, resolve(claim, program.image, program.scenario))

    return decided


STEPS = ("tasks A", "1. A: lock 0 -> 1", "2. hardirq arrives over A")


def test_a_deadlock_with_an_interrupt_is_confirmed(judge: Judge) -> None:
    result = judge(WRONG, *STEPS, "3. hangs", "4. hardirq: lock 1 -> 1", "outcome: hangs")
    assert result.answer is Answer.CONFIRMED
    assert [str(finding.kind) for finding in result.findings] == ["possible"] * 5


def test_once_the_lock_is_given_back_it_does_not_hang(judge: Judge) -> None:
    result = judge(WRONG, "tasks A", "1. A: lock 0 -> 1", "2. A: lock 1 -> 0", "outcome: hangs")
    assert (result.answer, result.failed) == (Answer.IMPOSSIBLE, "outcome")
    assert result.outcome is OutcomeFound.REACHABLE  # in another execution


def test_with_interrupts_off_nothing_hangs(judge: Judge) -> None:
    result = judge(RIGHT, "tasks A", "1. A: lock 0 -> 1", "outcome: hangs")
    assert (result.answer, result.failed) == (Answer.IMPOSSIBLE, "outcome")
    assert result.outcome is OutcomeFound.UNREACHABLE


def test_the_outcome_is_found_where_the_steps_are_impossible(judge: Judge) -> None:
    result = judge(WRONG, "tasks A", "1. A: lock 0 -> 5", "outcome: hangs")
    assert (result.answer, result.failed, result.outcome) == (Answer.IMPOSSIBLE, "1", OutcomeFound.REACHABLE)
    assert result.outcome_interleaving is not None
    assert (result.outcome_interleaving.switches, len(result.outcome_interleaving.events)) == (1, 1)


def test_what_an_interrupt_may_still_end_does_not_hang(judge: Judge) -> None:
    # The claim names one arrival, which comes too early; others come, as often as they like.
    resets = WAKEUP.replace("void task(void) {", "void task(void) { WRITE_ONCE(ready, 0);")
    steps = ("tasks A", "1. hardirq: writes ready == 1", "2. A: writes ready == 0", "outcome: hangs")
    result = judge(resets, *steps)
    assert (result.answer, result.outcome) == (Answer.IMPOSSIBLE, OutcomeFound.UNREACHABLE)
    assert judge(resets + "CTXRACE_ATTEMPTS(1);", *steps).answer is Answer.CONFIRMED


def test_where_too_many_states_follow_it_is_not_known(judge: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conditions, "MOST_STATES", 1)
    with pytest.raises(LimitReached, match="the limit of 1 states is reached"):
        judge(WRONG, *STEPS, "3. hangs")
