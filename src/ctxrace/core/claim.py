"""What is found out about a claim: a reviewer's numbered steps, executed."""

from dataclasses import dataclass
from enum import StrEnum

from ctxrace.core.interleaving import Event, Interleaving, Source
from ctxrace.core.setup import Setup
from ctxrace.core.turn import Turn
from ctxrace.core.why import Why

__all__ = [
    "Answer",
    "AtTheEnd",
    "ClaimResult",
    "Finding",
    "FindingKind",
    "How",
    "InCode",
    "Memory",
    "NotInEntry",
    "OutcomeFound",
    "Standing",
]


class Answer(StrEnum):
    """What is found of the steps."""

    CONFIRMED = "confirmed"
    IMPOSSIBLE = "impossible"
    INCOMPLETE = "incomplete"


class OutcomeFound(StrEnum):
    """What is found of the outcome of a claim that is not confirmed."""

    REACHABLE = "reachable"
    UNREACHABLE = "unreachable"
    INCOMPLETE = "incomplete"


class FindingKind(StrEnum):
    """What is found of one step."""

    POSSIBLE = "possible"
    IMPOSSIBLE = "impossible"
    NOT_REACHED = "not reached"
    NOT_KNOWN = "not known"


class How(StrEnum):
    """What a possible step is in the execution."""

    EVENT = "an event"
    BETWEEN_EVENTS = "between two events"
    TRUE_THERE = "true there"  # a condition that holds, or a switch
    NOT_CALLED = "not called"  # what must not be called is not


@dataclass(frozen=True, slots=True)
class Finding:
    """One claimed step.

    label: its number in the claim, empty for the outcome; line: in the claim's file; text: as it stands there.
    how, event: for a possible step, what it is, and the number of the event, 0 where it is none.
    why: for an impossible step, the first of the reasons.
    """

    label: str
    line: int
    text: str
    kind: FindingKind
    how: How | None = None
    event: int = 0
    why: Why | None = None


@dataclass(frozen=True, slots=True)
class InCode:
    """A context is about to execute `instruction` of `function`."""

    function: str
    address: int
    instruction: str
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class AtTheEnd:
    """A context is at the end of `entry`, about to return."""

    entry: str


@dataclass(frozen=True, slots=True)
class NotInEntry:
    """A context is in no attempt."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a context stands.

    context: empty for a task that the claim does not name. preempted: whether another one has the CPU.
    next_rows: what it could do next.
    """

    context: str
    place: InCode | AtTheEnd | NotInEntry
    preempted: bool = False
    next_rows: tuple[Event | Turn, ...] = ()


@dataclass(frozen=True, slots=True)
class Memory:
    """What the place `name` holds; None where that is not known."""

    name: str
    value: int | None


@dataclass(frozen=True, slots=True)
class ClaimResult:
    """Hold everything that a report says of a claim.

    file: the claim; setup: what it was executed on.
    findings: one for each claimed step, and for the outcome.
    interleaving: the execution, or the longest possible beginning; None where not even the start is needed.
    shortest: whether it is known to be the shortest.
    failed: the number of the step that is impossible, ``outcome`` for that, empty for none. reasons: why.
    standing, memory: where each context is, and what the claim's variables hold, after the longest beginning.
    states, transitions: of the search for the steps; outcome: what was found of the outcome, with its own search.
    searched: whether that search gives the answer, and not what every path through the code does.
    command: what to type to see this result again.
    """

    file: str
    setup: Setup
    answer: Answer
    findings: tuple[Finding, ...]
    interleaving: Interleaving | None
    states: int
    transitions: int
    shortest: bool = True
    failed: str = ""
    reasons: tuple[Why, ...] = ()
    standing: tuple[Standing, ...] = ()
    memory: tuple[Memory, ...] = ()
    outcome_text: str = ""
    outcome: OutcomeFound | None = None
    outcome_interleaving: Interleaving | None = None
    outcome_states: int = 0
    outcome_transitions: int = 0
    command: str = ""
    searched: bool = True

    @property
    def status(self) -> int:
        """The exit status that this result calls for."""
        if self.answer is Answer.CONFIRMED:
            return 0
        if self.answer is Answer.INCOMPLETE or self.outcome is OutcomeFound.INCOMPLETE:
            return 3
        return 1 if self.outcome is OutcomeFound.REACHABLE else 4
