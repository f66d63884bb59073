"""What is found out about a reviewer's statement: the facts that decide it."""

from dataclasses import dataclass
from enum import StrEnum

from ctxrace.core.claim import OutcomeFound
from ctxrace.core.facts.reason import Reason
from ctxrace.core.interleaving import Interleaving

__all__ = ["CodeCompared", "Decision", "Evidence", "Fact", "NoPath", "Ruling", "RunLength", "Statement", "States"]


class Ruling(StrEnum):
    """The answer to one question."""

    HOLDS = "holds"
    VIOLATED = "violated"
    POSSIBLE = "possible"
    IMPOSSIBLE = "impossible"
    INCOMPLETE = "incomplete"
    NOT_ASKED = "not asked"


@dataclass(frozen=True, slots=True)
class Decision:
    """An answer. step: the one that is impossible; outcome: what is found of the outcome then."""

    ruling: Ruling
    step: str = ""
    outcome: OutcomeFound | None = None

    def leaves_open(self, expected: "Decision") -> bool:
        """Return whether it decides too little to say that it is `expected`, or that it is not."""
        if self.ruling is Ruling.INCOMPLETE:
            return True
        same_step = (self.ruling, self.step) == (expected.ruling, expected.step)
        return self.outcome is OutcomeFound.INCOMPLETE and same_step and expected.outcome is not None


@dataclass(frozen=True, slots=True)
class States:
    """A search visited `number` states."""

    number: int


@dataclass(frozen=True, slots=True)
class RunLength:
    """An interleaving shows it."""

    switches: int
    events: int


@dataclass(frozen=True, slots=True)
class NoPath:
    """Every path through the code shows it, without a search."""


@dataclass(frozen=True, slots=True)
class CodeCompared:
    """The optimisation levels at which the code is the `same` as another one's, and at which it is `other` code."""

    same: tuple[str, ...]
    other: tuple[str, ...]


Evidence = States | RunLength | NoPath | CodeCompared


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that was decided.

    about: what was asked, of which code. expected: the decision with which `Statement.conclusion` is true.
    evidence: what shows it; None where nothing was found out. command: what to type to see it.
    interleaving: if there is one. replay: what replays its schedule, but for that.
    missing_compiler: the one without which it could not be asked. stopped: why not everything is decided.
    """

    about: str
    decision: Decision
    expected: Decision
    evidence: Evidence | None
    command: str
    interleaving: Interleaving | None = None
    replay: str = ""
    missing_compiler: str = ""
    stopped: Reason | None = None

    @property
    def as_expected(self) -> bool:
        """Whether the decision is the expected one; what could not be asked contradicts nothing."""
        return bool(self.missing_compiler) or self.decision == self.expected

    @property
    def incomplete(self) -> bool:
        """Whether too little was decided to say whether it is as expected."""
        return not self.as_expected and self.decision.leaves_open(self.expected)

    @property
    def unlike(self) -> bool:
        """Whether the decision contradicts the expected one."""
        return not self.as_expected and not self.incomplete


@dataclass(frozen=True, slots=True)
class Statement:
    """A quotation. author: the role; conclusion: what the facts say of it, where all are as expected."""

    quote: str
    author: str
    conclusion: str
    facts: tuple[Fact, ...]
