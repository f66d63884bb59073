"""Why a step cannot be: every reason that is printed is true, and in words."""

from collections.abc import Callable

import pytest

from ctxrace.claims.decide import decide
from ctxrace.claims.parse import parse_claim
from ctxrace.claims.resolve import resolve
from ctxrace.core.claim import Answer, ClaimResult
from ctxrace.core.why import Forbids
from ctxrace.kernel.program import load
from ctxrace.report.claim import render_claim, render_claim_mail
from ctxrace.report.sentences.claim import next_phrase, why_sentence

INC = """#include <ctxrace/kernel.h>
struct { short low, high; } c; int d;
__noipa void body(void) { barrier(); }
__noipa int half(int of) { return of / 2; }
void inc(void)
{
    WRITE_ONCE(c.high, READ_ONCE(c.high) + 1);
    if (half(READ_ONCE(d)) != 5)
        body();
    WRITE_ONCE(c.high, READ_ONCE(c.high) - 1);
    WRITE_ONCE(d, -1);
}
void nmi(void) { WRITE_ONCE(d, 0); }
CTXRACE_TASKS(2, inc); CTXRACE_NMI(nmi); CTXRACE_PREEMPTION(none);
"""

Judge = Callable[..., ClaimResult]


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Judge:
    path = tmp_path_factory.mktemp("reasons") / "x.c"
    path.write_text(INC)
    program = load(path)

    def decided(*lines: str) -> ClaimResult:
        claim = parse_claim("\n".join(("system x.c", *lines)), "c.txt")
        return decide(program, resolve(claim, program.image, program.scenario))

    return decided


@pytest.mark.parametrize(
    ("steps", "failed", "reason"),
    [
        (("1. A: d ? -> -1", "2. A: reads c.high == 7"), "2",
         "A has read it twice (event 1: c.high is 0; event 4: c.high is 1), and does not do so again in this attempt"),
        (("1. A: d ? -> -1", "2. A: c.high 0 -> 1"), "2",
         "A has done so before (event 2: c.high 0 ➜ 1), and does not do it again in this attempt"),
        (("1. nmi: writes d", "2. nmi: writes d"), "2",
         "nmi has done so before (event 1: d 0 ➜ 0), and does not do it again in this attempt"),
        (("1. nmi: d ? -> 0", "2. nmi: writes d == 1"), "2",
         "nmi has written it once (event 1: d 0 ➜ 0), and does not do so again in this attempt"),
        # What another attempt has done is no reason.
        (("1. A: d ? -> -1", "2. A finishes", "3. A starts", "4. A: reads d == 3"), "4",
         "after the steps before, A never does that; what A does there: d is -1, d is 0"),
        (("1. A: reads d == 3",), "1", "A never does that; what A does there: d is -1, d is 0"),
        (("1. A: reads d == 0", "2. A: half returns 4"), "2",
         "after the steps before, A never does that"),
        (("1. nmi arrives", "2. nmi: calls body"), "2", "after the steps before, nmi never does that"),
        (("strict", "1. A: reads c.high == 0"), "1",
         "it is strict, so nothing may come before it, and A has not started yet; write before it: A starts"),
        (("1. strict nmi: writes d"), "1",
         "it is strict, so nothing may come before it, and nmi has not arrived yet; write before it: nmi arrives"),
        (("strict", "1. A starts", "2. A: c.high 0 -> 1"), "2",
         "it is strict, so nothing may come between the step before and it, and it is not what comes next"),
        (("1. A: c.high 0 -> 1", "2. A: never runs body", "3. A: d 0 -> 5"), "3",
         "after the steps before, A never does that"),
        (("1. A: c.high 0 -> 1", "2. A: never runs body", "3. nmi arrives"), "2",
         "no execution that has all the steps lets A finish without a call of body"),
        (("1. A finishes", "2. B starts", "3. A: never runs body"), "3",
         "in every execution of the steps before, A has called body"),
        (("1. nmi returns", "2. A starts", "3. nmi: never runs body"), "3",
         "after the steps before, nmi is in no attempt, or has called body"),
        (("1. A: d ? -> -1", "outcome: d == 4"), "outcome", "after the steps before, d is -1, 0"),
        (("outcome: idle and d == 4",), "outcome", "d is -1, 0 whenever the CPU is idle"),
    ],
)  # fmt: skip
def test_the_first_reason(judge: Judge, steps: tuple[str, ...] | str, failed: str, reason: str) -> None:
    result = judge(*([steps] if isinstance(steps, str) else steps))
    assert (result.answer, result.failed, why_sentence(result.reasons[0])) == (Answer.IMPOSSIBLE, failed, reason)


def test_what_is_next_is_told_in_words(judge: Judge) -> None:
    result = judge("1. A: c.high 0 -> 1", "2. nmi: reads d", "outcome: d == 0")
    arrives = "arrives (nothing masks an NMI; over task A, runs nmi)"
    assert why_sentence(result.reasons[-1]) == f"what nmi would do next: {arrives}"
    assert "---" not in "".join(next_phrase(row) for stands in result.standing for row in stands.next_rows)
    strict = judge("strict", "1. A starts", "2. A: d 0 -> -1")
    assert why_sentence(strict.reasons[-1]).startswith("what A would do next: ldr")
    forbidden = judge("1. A: c.high 0 -> 1", "2. A: never runs body", "3. A: d ? -> -1")
    assert Forbids("2", "A", "body") in forbidden.reasons


@pytest.mark.parametrize(
    ("steps", "head"),
    [
        (("strict", "1. A: reads d == 0"), "impossible at step 1 (1 state)"),
        (("1. A: reads d == 3", "outcome: d == 0"), "impossible at step 1 (N states); the outcome is reachable all the "
         "same (0 switches, 0 events)"),
        (("1. A: reads d == 3", "outcome: d == 7"), "impossible at step 1 (N states); the outcome is unreachable "
         "(N states)"),
        (("1. A: d 0 -> -1", "outcome: idle and c.high == 1"), "impossible: the steps are possible, but do not lead to "
         "the outcome (N states), and nothing else does (N states)"),
        (("1. A: d ? -> -1", "2. B: d ? -> -1", "3. nmi returns", "outcome: c.high == 1"), "impossible: the steps are "
         "possible, but do not lead to the outcome (N states); other executions do (0 switches, 2 events)"),
        (("1. A: never calls half", "outcome: d == 7"), "impossible at step 1 (no path avoids it); the outcome is "
         "unreachable (N states)"),
    ],
)  # fmt: skip
def test_the_head_has_the_size_of_what_proves_it(judge: Judge, steps: tuple[str, ...], head: str) -> None:
    result = judge(*steps)
    for proof in (*([result.states] if result.searched else []), result.outcome_states):
        head = head.replace("N states", f"{proof:,} states", 1)
    printed = " ".join(render_claim(result).partition(", arm64")[0].split())
    assert printed.startswith(f"c.txt: {head}")
    assert f"\n{head[0].upper()}{head[1:20]}" in render_claim_mail(result)


def test_a_mail_begins_its_sentences_with_capitals_but_not_names(judge: Judge) -> None:
    mail = render_claim_mail(judge("1. A: c.high 0 -> 1", "2. nmi: reads d", "outcome: d == 0"))
    paragraphs = [part for part in mail.split("\n\n") if not part.startswith((">", "  ", "("))]
    assert [part for part in paragraphs if not part[0].isupper()] == ["d == 0."]  # d is a name
    assert "\nPossible\n" in mail
    assert "\nWhat nmi would do next: arrives" in mail
    assert "\n(Each context that" in mail
    assert "\nd is 0\n" not in mail
