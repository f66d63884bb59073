"""What formats for machines know of the programs of an object: a test for each finding, and each kind without one."""

from collections.abc import Iterator

from ctxrace.core.facts.defect import Defect
from ctxrace.core.meeting import Finding, ProgramsResult
from ctxrace.core.property import Property
from ctxrace.core.suite.trial import Check, Trial
from ctxrace.core.verdict import Outcome, Verdict
from ctxrace.report.programs.run import run_of

__all__ = ["trial_of_finding", "trial_of_programs"]


def trial_of_programs(result: ProgramsResult) -> Trial:
    """Return what was found as a trial of the object. What could not be followed is its error: it is not decided."""
    checks = [*map(_check, result.findings), *_holding(result)]
    unfollowed = [f"not followed: {name}: {reason}" for name, reason in result.unfollowed]
    return Trial(result.file, checks=tuple(checks), error="; ".join(unfollowed), programs=result)


def trial_of_finding(finding: Finding, file: str) -> Trial:
    """Return a finding that was replayed as a trial of its own."""
    return Trial(file, checks=(_check(finding),))


def _check(finding: Finding) -> Check:
    names = (*(partner.name for partner in finding.programs), finding.memory or finding.guard)
    about = Property(finding.defect.word, tuple(filter(None, names)))
    reason = next(iter(finding.reasons), None)
    verdict = Verdict(about, finding.outcome, 0, 0, 0.0, run_of(finding), reason)
    return Check(str(about), finding.outcome, verdict=verdict, finding=finding)


def _holding(result: ProgramsResult) -> Iterator[Check]:
    """Yield the kinds of which there is no finding, if everything was decided."""
    if result.unfollowed or not result.programs:
        return
    found = {each.defect for each in result.findings} | {each.defect for each in result.ignored}
    if any(each.defect is Defect.LEAKED and each.outcome is Outcome.INCOMPLETE for each in result.findings):
        found.add(Defect.STUCK)  # which it may be
    for defect in Defect:
        if defect not in found:
            verdict = Verdict(Property(defect.word), Outcome.HOLDS, result.states, 0, 0.0)
            yield Check(defect.word, Outcome.HOLDS, verdict=verdict)
