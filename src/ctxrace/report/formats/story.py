"""What every format says of a check: a sentence, the interleaving as a mail draws it, and the C line to show it at."""

from collections.abc import Sequence

from ctxrace.core.claim import ClaimResult
from ctxrace.core.claim import Finding as ClaimedStep
from ctxrace.core.ending import CheckFalse
from ctxrace.core.interleaving import Interleaving
from ctxrace.core.source import Source
from ctxrace.core.suite.trial import Check, Trial
from ctxrace.core.verdict import Outcome
from ctxrace.report.claim import claim_outcome
from ctxrace.report.heading import scenario_of
from ctxrace.report.layout import clean
from ctxrace.report.mail import render_interleaving_mail
from ctxrace.report.programs.said import finding_remarks, kernel_sentence
from ctxrace.report.sentences.claim import finding_phrase
from ctxrace.report.sentences.ending import ending_sentence
from ctxrace.report.sentences.reason import reason_sentence

__all__ = ["counts", "drawn", "message", "place", "scenario"]


def message(check: Check, found: Trial) -> str:
    """Return a line about `check`, which is one of `found`; empty where it holds and was expected to."""
    if check.step is not None and found.claim is not None:
        return _claimed(check, check.step, found.claim)
    run = check.verdict.interleaving if check.verdict else None
    ending = ending_sentence(run.endings[0]) if run and run.endings else ""
    what = [f"{check.name}: {check.outcome}"]
    if check.expected is not Outcome.HOLDS:
        what[0] += ", as expected" if check.as_expected else f", and {check.expected} was expected"
    elif check.as_expected:
        return ""
    why = reason_sentence(check.reason) if check.reason else ""
    what += [part for part in (ending, f"{run.length}" if run else "", why) if part]
    return clean("; ".join(what))


def _claimed(check: Check, step: ClaimedStep, claim: ClaimResult) -> str:
    if not step.label and claim.outcome is not None:
        return clean(claim_outcome(claim))
    return "" if check.as_expected else clean(f"{check.name}: {finding_phrase(step)}")


def scenario(found: Trial) -> str:
    """Return what was explored, as a report says it; empty where nothing was."""
    if found.programs is not None:
        return kernel_sentence(found.programs)
    shown = found.result or found.claim
    return scenario_of(shown.setup) if shown else ""


def drawn(check: Check, found: Trial) -> str:
    """Return the interleaving as a mail draws it, with the command that shows all; empty where there is none."""
    run = check.verdict.interleaving if check.verdict else None
    if run is None:
        return ""
    remarks = "".join(f"{clean(line)}\n" for line in (finding_remarks(check.finding) if check.finding else ()))
    again = f"again: {clean(found.command)}\n" if found.command else ""
    return "\n".join(filter(None, [render_interleaving_mail(run), remarks, again]))


def place(check: Check) -> Source | None:
    """Return the C line of a violation: that of the check, or of the last event that has one; else of what expects.

    Of a claimed step, the line of the claim.
    """
    if check.step is not None:
        return check.source
    run = check.verdict.interleaving if check.verdict else None
    return (_end(run) if run else None) or check.source


def _end(run: Interleaving) -> Source | None:
    for ending in run.endings:
        if isinstance(ending, CheckFalse) and ending.source is not None:
            return ending.source
    return next((event.source for event in reversed(run.events) if event.source is not None), None)


def counts(found: Sequence[Trial]) -> tuple[int, int, int]:
    """Return how many checks there are, how many contradict what was expected, and how many are not decided.

    What has no result counts as one that is not decided.
    """
    checks = [check for one in found for check in one.checks]
    broken = sum(bool(one.error) or not one.checks for one in found)
    undecided = sum(check.undecided for check in checks)
    unlike = sum(not check.as_expected for check in checks) - undecided
    return len(checks) + broken, unlike, undecided + broken
