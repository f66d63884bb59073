"""What was expected of a file or guard, and what was found: facts for reports that machines read."""

from collections.abc import Sequence
from dataclasses import dataclass

from ctxrace.core.claim import ClaimResult
from ctxrace.core.claim import Finding as ClaimedStep
from ctxrace.core.facts.reason import NotJudged, Reason
from ctxrace.core.interleaving import Interleaving
from ctxrace.core.meeting import Finding, ProgramsResult
from ctxrace.core.property import Property
from ctxrace.core.setup import Setup
from ctxrace.core.source import Source
from ctxrace.core.suite.expected import Expected
from ctxrace.core.verdict import Outcome, Result, Verdict

__all__ = ["Check", "Trial", "not_searched", "replayed", "shown", "trial_of"]


@dataclass(frozen=True, slots=True)
class Check:
    """One property, with what was found of it and what was expected.

    name: the property. expected: that it holds, unless a file says otherwise. source: where it says so.
    finding: of two BPF programs; step: of a claim. The verdict has their interleaving.
    """

    name: str
    outcome: Outcome
    expected: Outcome = Outcome.HOLDS
    verdict: Verdict | None = None
    source: Source | None = None
    finding: Finding | None = None
    step: ClaimedStep | None = None

    @property
    def as_expected(self) -> bool:
        """Whether the outcome is the expected one."""
        return self.outcome is self.expected

    @property
    def undecided(self) -> bool:
        """Whether too little was found out to say whether it is as expected."""
        return not self.as_expected and self.outcome is Outcome.INCOMPLETE

    @property
    def reason(self) -> Reason | None:
        """Why nothing was decided, or what is to be known about the interleaving."""
        return self.verdict.reason if self.verdict else NotJudged()


@dataclass(frozen=True, slots=True)
class Trial:
    """A file or guard that was tested.

    name: the file or guard. result: None where there is none. checks: one for each property.
    error: why there is no result. bad_input: whether that is because the input is bad, and not because time ran out.
    programs, claim: what was tested where it is an object of BPF programs, or a claim.
    """

    name: str
    result: Result | None = None
    checks: tuple[Check, ...] = ()
    error: str = ""
    bad_input: bool = False
    programs: ProgramsResult | None = None
    claim: ClaimResult | None = None

    @property
    def command(self) -> str:
        """What to type to see it again; empty where there is nothing to see."""
        shown = self.result or self.programs or self.claim
        return shown.command if shown else ""

    @property
    def as_expected(self) -> bool:
        """Whether it was decided, and everything is as expected. Where nothing was checked, nothing is."""
        return bool(self.checks) and not self.error and all(check.as_expected for check in self.checks)

    @property
    def unlike(self) -> bool:
        """Whether something contradicts what was expected."""
        return any(not check.as_expected and not check.undecided for check in self.checks)

    @property
    def undecided(self) -> bool:
        """Whether too little was found out to say whether it is as expected."""
        return not (self.as_expected or self.unlike or self.bad_input)


def not_searched(name: str, ended: str = "interrupted") -> Trial:
    """Return the trial of what was not begun. ended: what came before."""
    return Trial(name, error=f"{ended} before it was searched")


def replayed(setup: Setup, run: Interleaving, broken: Sequence[Property], command: str = "") -> Trial:
    """Return a schedule that was replayed as a trial. broken: what its last step violates.

    Of other properties a single run says nothing: where none is violated, only that.
    """
    judged = [Verdict(one, Outcome.VIOLATED, 0, 0, 0.0, run) for one in broken]
    verdicts = tuple(judged) or tuple(filter(None, [shown(run).verdict]))
    return trial_of(setup.case, Result(setup, verdicts, command))


def shown(run: Interleaving) -> Check:
    """Return what there is to say of a run by itself: it is one of the program's."""
    about = Property("replay", sentence="no property is violated")
    return Check("replay", Outcome.HOLDS, verdict=Verdict(about, Outcome.HOLDS, 0, 0, 0.0, run))


def trial_of(name: str, result: Result, expected: Sequence[Expected] = ()) -> Trial:
    """Return `result` as a trial of `name`. What is `expected` of no property of its own holds.

    What is expected of a property that was not judged is not decided.
    """
    checks = []
    met: set[Expected] = set()
    for verdict in result.judged:
        about = [one for one in expected if one.is_about(verdict)]
        met.update(about)
        if about:
            one = max(about, key=lambda each: len(each.property))  # with subjects, before the kind alone
            checks.append(Check(str(verdict.property), verdict.outcome, one.outcome, verdict, one.source))
        elif verdict in result.verdicts:
            checks.append(Check(str(verdict.property), verdict.outcome, verdict=verdict))
    missing = [one for one in expected if one not in met]
    checks += [Check(one.property, Outcome.INCOMPLETE, one.outcome, None, one.source) for one in missing]
    return Trial(name, result, tuple(checks))
