"""What every format is tried with: a violation, a proof, what is not decided, what was expected, hostile names."""

from ctxrace.core.interleaving import Source
from ctxrace.core.suite.trial import Check, Trial, trial_of
from ctxrace.core.verdict import Outcome

from ..test_text import BALANCED, EXCLUSIVE, PROGRESS, RECOVERS, both_inside, nested, result, verdict

HOSTILE = "a #1 <script>&\"'%0A::error,x\x1b[31m\n\udcff\u202e.c"


def found() -> list[Trial]:
    violated = verdict(EXCLUSIVE, Outcome.VIOLATED, both_inside())
    shown = result([violated, verdict(PROGRESS, Outcome.HOLDS), verdict(RECOVERS, Outcome.INCOMPLETE)])
    holds = result([verdict(EXCLUSIVE, Outcome.HOLDS)], "fixed.c")
    expected = Check(str(BALANCED), Outcome.VIOLATED, Outcome.VIOLATED, verdict(BALANCED, Outcome.VIOLATED, nested()))
    declared = Source("mended.c", 7, "CTXRACE_EXPECT(exclusive, violated);")
    mended = Check(str(EXCLUSIVE), Outcome.HOLDS, Outcome.VIOLATED, verdict(EXCLUSIVE, Outcome.HOLDS), declared)
    return [
        trial_of("guard.c", shown),
        trial_of("fixed.c", holds),
        Trial("known.c", result([]), (expected,)),
        Trial("mended.c", result([]), (mended,)),
        Trial("broken.c", error="broken.c does not compile", bad_input=True),
        Trial("late.c", error="interrupted before it was searched"),
        Trial("empty.c", result([])),
    ]


def hostile() -> list[Trial]:
    shown = result([verdict(EXCLUSIVE, Outcome.VIOLATED, both_inside())], HOSTILE)
    return [trial_of(HOSTILE, shown), Trial(HOSTILE, error=HOSTILE, bad_input=True)]
