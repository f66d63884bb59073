"""What is true at the end of an interleaving: one fact for each property that its last step violates."""

from dataclasses import dataclass
from enum import StrEnum

from ctxrace.core.facts.defect import ProgramsMet
from ctxrace.core.facts.fact import Fact
from ctxrace.core.hang import Hang
from ctxrace.core.source import Source

__all__ = [
    "BodyNeverRan",
    "BodyOverlaps",
    "CheckFalse",
    "ClaimedOutcome",
    "Difference",
    "Ending",
    "NotRecovered",
    "NotRestored",
    "SleepBug",
    "SleepsWrongly",
    "Undefined",
    "ValuesLeft",
]


@dataclass(frozen=True, slots=True)
class BodyOverlaps(Fact):
    """`body` is active `times` times on one CPU; cpu: which, where there are several and it is known."""

    body: str
    times: int
    cpu: int | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """The place `name` holds `value` instead of `initial`."""

    name: str
    value: int
    initial: int

    def __str__(self) -> str:
        return f"{self.name} is {self.value}, not {self.initial}"


@dataclass(frozen=True, slots=True)
class ValuesLeft(Fact):
    """The CPU is idle, and these places do not have their initial values; several_cpus: all CPUs are idle."""

    differences: tuple[Difference, ...]
    several_cpus: bool = False


@dataclass(frozen=True, slots=True)
class NotRecovered(Fact):
    """The CPU is idle, and one more undisturbed `entry` does not run `body`; several_cpus: all CPUs are idle."""

    entry: str
    body: str
    several_cpus: bool = False


@dataclass(frozen=True, slots=True)
class BodyNeverRan(Fact):
    """The CPU is idle again after attempts of `entry`, and `body` has not run in between.

    overlapped: whether attempts overlapped, None where that is not known. several_cpus: all CPUs are idle.
    """

    entry: str
    body: str
    overlapped: bool | None = None
    several_cpus: bool = False


@dataclass(frozen=True, slots=True)
class CheckFalse(Fact):
    """The condition of a check, as C spells it, is false where it is executed; source: the check's own place."""

    condition: str = ""
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class Undefined(Fact):
    """A fault: what happens from here on is undefined."""


class SleepBug(StrEnum):
    """Why a task must not sleep here, as the kernel's own warnings call it."""

    INVALID_CONTEXT = "BUG: sleeping function called from invalid context"
    ATOMIC = "BUG: scheduling while atomic"
    RCU_READER = "WARNING: voluntary context switch within RCU read-side critical section"


@dataclass(frozen=True, slots=True)
class SleepsWrongly(Fact):
    """`function` sleeps, or may sleep, where it must not.

    preempt_count, softirq_disable_count: the task's own; interrupts_off: whether they are.
    """

    bug: SleepBug
    function: str
    preempt_count: int
    softirq_disable_count: int = 0
    interrupts_off: bool = False


@dataclass(frozen=True, slots=True)
class NotRestored(Fact):
    """An entry returns with another state of its context than it began with."""


@dataclass(frozen=True, slots=True)
class ClaimedOutcome(Fact):
    """The outcome of a claim is true, in the claim's own words."""

    text: str


Ending = (
    BodyOverlaps
    | ValuesLeft
    | NotRecovered
    | BodyNeverRan
    | CheckFalse
    | Undefined
    | SleepsWrongly
    | NotRestored
    | ClaimedOutcome
    | Hang
    | ProgramsMet
)
