"""What formats for machines know of a claim: a test for each step, and one for the outcome.

A test passes where what is claimed is true. Steps behind an impossible one were not tried, and have no test.
"""

from collections.abc import Iterator

from ctxrace.core.claim import Answer, ClaimResult, Finding, FindingKind, OutcomeFound
from ctxrace.core.interleaving import Interleaving
from ctxrace.core.property import Property
from ctxrace.core.source import Source
from ctxrace.core.suite.trial import Check, Trial
from ctxrace.core.verdict import Outcome, Verdict

__all__ = ["trial_of_claim"]

_OF_STEP = {
    FindingKind.POSSIBLE: Outcome.HOLDS,
    FindingKind.IMPOSSIBLE: Outcome.VIOLATED,
    FindingKind.NOT_KNOWN: Outcome.INCOMPLETE,
}
_OF_OUTCOME = {
    OutcomeFound.REACHABLE: Outcome.HOLDS,
    OutcomeFound.UNREACHABLE: Outcome.VIOLATED,
    OutcomeFound.INCOMPLETE: Outcome.INCOMPLETE,
}


def trial_of_claim(result: ClaimResult) -> Trial:
    """Return what is found of a claim as a trial of its file."""
    return Trial(result.file, checks=tuple(_checks(result)), claim=result)


def _checks(result: ClaimResult) -> Iterator[Check]:
    tried = [each for each in result.findings if each.label and each.kind in _OF_STEP]
    for step in tried:
        last = step is tried[-1] and (result.answer is not Answer.CONFIRMED or result.findings[-1] is step)
        yield _check(result, step, _OF_STEP[step.kind], result.interleaving if last else None)
    for outcome in result.findings:
        if not outcome.label:
            found = _OF_OUTCOME[result.outcome] if result.outcome else _OF_STEP.get(outcome.kind, Outcome.INCOMPLETE)
            run = result.interleaving if result.answer is Answer.CONFIRMED else result.outcome_interleaving
            yield _check(result, outcome, found, run)


def _check(result: ClaimResult, step: Finding, outcome: Outcome, run: Interleaving | None) -> Check:
    about = Property("step" if step.label else "outcome", (step.label,) if step.label else (), step.text)
    verdict = Verdict(about, outcome, result.states, result.transitions, 0.0, run)
    name = f"step {step.label}: {step.text}" if step.label else "outcome"
    return Check(name, outcome, verdict=verdict, source=Source(result.file, step.line, step.text), step=step)
