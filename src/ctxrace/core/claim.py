"""What is found out about a claim: somebody's numbered steps, executed."""

from dataclasses import dataclass
from enum import StrEnum

from ctxrace.core.interleaving import Interleaving

__all__ = ["Answer", "ClaimResult", "Finding", "OutcomeFound", "Standing"]


class Answer(StrEnum):
    """What is said of the steps."""

    CONFIRMED = "confirmed"
    IMPOSSIBLE = "impossible"
    INCOMPLETE = "incomplete"


class OutcomeFound(StrEnum):
    """What is said of the outcome of a claim that is not confirmed."""

    REACHABLE = "reachable all the same"
    UNREACHABLE = "unreachable"
    INCOMPLETE = "incomplete"


@dataclass(frozen=True, slots=True)
class Finding:
    """One claimed step.

    label: its number in the claim, empty for the outcome; line: in the claim's file; text: as it stands there.
    verdict: ``possible``, ``impossible``, ``not reached`` or ``not known``; event: the number of the event that it is,
    0 where it is none (a switch, a condition, a call between two events); said: the finding in words.
    """

    label: str
    line: int
    text: str
    verdict: str
    event: int = 0
    said: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a context stands: in `function`, before the instruction at `place`. could: what it might do next."""

    context: str
    place: str
    could: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ClaimResult:
    """Hold everything that a report says of a claim.

    file: the claim; case, arch, compiler, preemption, rcu, tasks, fifo_tasks, interrupts: what it was executed on.
    findings: one for each claimed step, and for the outcome.
    interleaving: the execution, or the longest possible beginning; None where not even the start is needed.
    failed: the number of the step that is impossible, ``outcome`` for that, empty for none. reasons: why.
    standing, memory: who is where, and what the claim's variables hold, after the longest possible beginning.
    states, transitions: of the search for the steps; outcome: what was found of the outcome, with its own search.
    searched: whether that search gives the answer, and not what every path through the code does.
    """

    file: str
    case: str
    arch: str
    compiler: str
    preemption: str
    tasks: int
    interrupts: tuple[str, ...]
    answer: Answer
    findings: tuple[Finding, ...]
    interleaving: Interleaving | None
    states: int
    transitions: int
    failed: str = ""
    reasons: tuple[str, ...] = ()
    standing: tuple[Standing, ...] = ()
    memory: tuple[str, ...] = ()
    outcome_text: str = ""
    outcome: OutcomeFound | None = None
    outcome_interleaving: Interleaving | None = None
    outcome_states: int = 0
    outcome_transitions: int = 0
    notes: tuple[str, ...] = ()
    command: str = ""
    fifo_tasks: int = 0
    rcu: str = "preemptible"
    searched: bool = True

    @property
    def status(self) -> int:
        """The exit status that this result calls for."""
        if self.answer is Answer.CONFIRMED:
            return 0
        if self.answer is Answer.INCOMPLETE or self.outcome is OutcomeFound.INCOMPLETE:
            return 3
        return 1 if self.outcome is OutcomeFound.REACHABLE else 4
