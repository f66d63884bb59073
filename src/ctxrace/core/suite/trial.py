"""What was expected of a file or guard, and what was found: facts for reports that machines read."""

from collections.abc import Sequence
from dataclasses import dataclass

from ctxrace.core.facts.reason import NotJudged, Reason
from ctxrace.core.source import Source
from ctxrace.core.suite.expected import Expected
from ctxrace.core.verdict import Outcome, Result, Verdict

__all__ = ["Check", "Trial", "not_searched", "trial_of"]


@dataclass(frozen=True, slots=True)
class Check:
    """One property, with what was found of it and what was expected.

    name: the property. expected: that it holds, unless a file says otherwise. source: where it says so.
    """

    name: str
    outcome: Outcome
    expected: Outcome = Outcome.HOLDS
    verdict: Verdict | None = None
    source: Source | None = None

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
    """

    name: str
    result: Result | None = None
    checks: tuple[Check, ...] = ()
    error: str = ""
    bad_input: bool = False

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


def not_searched(name: str) -> Trial:
    """Return the trial of what Ctrl-C came before."""
    return Trial(name, error="interrupted before it was searched")


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
