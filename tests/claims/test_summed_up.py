"""Claims about interrupts that are summed up: what a nested run must know of all that it has cut in on."""

from pathlib import Path

import pytest

from ctxrace.bpf.claims import prepare
from ctxrace.claims.decide import decide
from ctxrace.claims.parse import parse_claim
from ctxrace.claims.resolve import resolve
from ctxrace.core.claim import Answer, OutcomeFound
from ctxrace.core.facts.reason import SearchEnded
from ctxrace.core.facts.stop import StateLimit, Stop, TimeLimit
from ctxrace.explore.watch import Limits
from ctxrace.kernel.program import load

from .agreement import CLAIMS, compare, compare_random

SOURCE = """
#include <ctxrace/kernel.h>
u8 x, y, z; int lock;
__noipa void body(void) { (void)READ_ONCE(z); }
__noipa void other(void) { barrier(); }
void task(void) { WRITE_ONCE(x, 1); body(); if (READ_ONCE(y) == 9) other(); WRITE_ONCE(x, 0); }
void softirq(void) { WRITE_ONCE(y, 1); body(); if (READ_ONCE(y) == 9) other(); WRITE_ONCE(y, 0); }
void nmi(void) { u8 seen = READ_ONCE(x); body(); WRITE_ONCE(z, seen); }
void waits(void) { while (READ_ONCE(lock)) cpu_relax(); }
void locks(void) { WRITE_ONCE(lock, 1); WRITE_ONCE(lock, 0); }
"""
NESTED = "CTXRACE_TASKS(1, task); CTXRACE_SOFTIRQ(softirq); CTXRACE_NMI(nmi); CTXRACE_ATTEMPTS(1);\n"
ONE = "CTXRACE_TASKS(1, task); CTXRACE_NMI(nmi); CTXRACE_ATTEMPTS(1);\n"
TASKS = "CTXRACE_TASKS(2, task); CTXRACE_NMI(nmi); CTXRACE_ATTEMPTS(1);\n"
EXCLUSIVE = "CTXRACE_EXCLUSIVE(body);\n"
SPINNING = "CTXRACE_TASKS(1, locks); CTXRACE_NMI(waits);\n"
OVER = ("softirq: y ? -> 1", "nmi arrives over softirq")


@pytest.mark.parametrize(
    ("scenario", "lines", "answer"),
    [
        # Whose call it may be, after the NMI has returned to the softirq.
        (NESTED, (*OVER, "nmi returns", "softirq: calls body", "softirq: reads z == 0"), "confirmed"),
        (NESTED, (*OVER, "softirq: calls body", "nmi returns"), "impossible"),
        # Who is in an attempt while the NMI runs: the softirq below, and a task that was preempted.
        (NESTED, (*OVER, "nmi: reads x", "softirq: never runs other", "nmi: writes z"), "confirmed"),
        (NESTED, ("nmi: reads x", "softirq: never runs other", "nmi: writes z"), "confirmed"),
        (TASKS, ("A: x 0 -> 1", "switch to B", "nmi: reads x", "A: never runs other", "nmi: writes z"), "confirmed"),
        (TASKS, ("A: x 0 -> 1", "A finishes", "nmi: reads x", "A: never runs other", "nmi: writes z"), "impossible"),
        # Whether the body that it enters is active below, right there and not only at its return.
        (EXCLUSIVE + TASKS, ("A: runs body", "nmi arrives over A", "violates exclusive", "nmi: z ? -> 1"), "confirmed"),
        (EXCLUSIVE + ONE, ("A: x 1 -> 0", "nmi arrives over A", "violates exclusive", "nmi: z ? -> 0"), "impossible"),
        # When the CPU is idle again.
        (NESTED, ("nmi arrives over softirq", "nmi: z ? -> 1", "idle and z == 1"), "confirmed"),
        (ONE, ("nmi: z 0 -> 0", "idle", "A: x 0 -> 1"), "confirmed"),
        (NESTED, ("strict A starts", "strict A: x 0 -> 1", "strict nmi arrives", "strict nmi: reads x == 1"),
         "confirmed"),
        # The CPU can hang: that is asked of whole states.
        (SPINNING, ("A: lock 0 -> 1", "nmi: reads lock == 1", "outcome: hangs"), "confirmed"),
        (SPINNING, ("A: lock 1 -> 0", "nmi: reads lock", "outcome: hangs"), "impossible"),
    ],
)  # fmt: skip
def test_both_engines_answer_alike(scenario: str, lines: tuple[str, ...], answer: str, tmp_path: Path) -> None:
    path = tmp_path / "x.c"
    path.write_text(SOURCE + scenario)
    program = load(path)
    numbered = (line if line.startswith("outcome") else f"{number}. {line}" for number, line in enumerate(lines, 1))
    claim = parse_claim("\n".join(("system x.c", *numbered)))
    assert compare(program, resolve(claim, program.image, program.scenario)) == answer


MERGED = "system bpf arm64-merged, trampoline bare"
SEEDS = [pytest.param(seed, marks=[pytest.mark.slow] if seed >= 1 else []) for seed in range(12)]


@pytest.mark.parametrize("seed", SEEDS)
def test_random_claims(seed: int, tmp_path: Path) -> None:
    answers = set(compare_random(seed, tmp_path, CLAIMS if seed else 4))
    assert answers <= {"confirmed", "impossible", "large", "refused", "whole"}


@pytest.mark.parametrize(
    ("outcome", "states", "alone"), [("violates exclusive", 6_762, 2_384), ("hangs", 4_036, 1_381)]
)
def test_an_interrupt_counts_once_however_many_contexts_it_cuts_in_on(outcome: str, states: int, alone: int) -> None:
    claim = parse_claim(f"{MERGED}\noutcome: {outcome}")
    result = decide(*prepare(claim))
    assert (result.answer, result.outcome) == (Answer.IMPOSSIBLE, OutcomeFound.UNREACHABLE)
    assert (result.states, result.outcome_states) == (states, alone)


@pytest.mark.parametrize(
    ("limits", "stop", "outcome"),
    [
        (Limits(max_states=3_000), StateLimit(3_000), OutcomeFound.UNREACHABLE),  # alone it takes fewer
        (Limits(timeout=0.0), TimeLimit(0.0), OutcomeFound.INCOMPLETE),
    ],
    ids=["states", "time"],
)
def test_a_limit_is_that_of_both_searches_together(limits: Limits, stop: Stop, outcome: OutcomeFound) -> None:
    result = decide(*prepare(parse_claim(f"{MERGED}\noutcome: violates exclusive")), limits=limits)
    assert (result.answer, result.outcome) == (Answer.INCOMPLETE, outcome)
    assert result.reasons == (SearchEnded(stop),)
