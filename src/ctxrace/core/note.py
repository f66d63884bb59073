"""What an instruction did, or was, besides its accesses: one fact each."""

from dataclasses import dataclass
from enum import StrEnum

from ctxrace.core.facts.fault import MachineFault
from ctxrace.core.source import Source

__all__ = ["Note", "NoteKind"]


class NoteKind(StrEnum):
    """What a note says. The comment says what its `subject` is."""

    # Of a step:
    ENTERS = "enters"  # a function
    LEAVES = "leaves"  # a function
    RETURNS = "returns"  # the value that the function just left has returned
    STORE_FAILS = "store-exclusive fails"  # none: the exclusive monitor was cleared
    CHECK_FAILS = "check fails"  # the condition, as C spells it
    SLEEPS = "sleeps in"  # the function that sleeps, or may sleep
    FAULTS = "faults"  # none: `fault` says how
    REFUSED = "refused"  # none: the guard does not let the body run
    # Of a step of a BPF program, and of how it got the CPU:
    SENDS = "sends"  # a place, of which `value` bytes
    ALLOWED_BY = "allowed by"  # the kernel's rule
    SKIPPED = "skipped, as there is held"  # what guards the program
    # Of a claim:
    IS_STEP = "is step"  # the number of the claimed step
    IS_OUTCOME = "is the outcome"  # none
    CALLED = "called"  # a function: the claim has the call here, between two events
    RETURNED = "returned from"  # a function, with `value`: likewise
    # Of an instruction in a listing: why it is an event.
    READS = "reads"  # a place
    WRITES = "writes"  # a place
    RESCHEDULES = "writes, and changes what may be scheduled,"  # a place
    MASKS = "changes the interrupt mask"  # none
    MAY_SLEEP = "may give up the CPU in"  # a function
    ASKS_CPU = "asks which CPU it is on"  # none
    NEEDS_MONITOR = "needs the exclusive monitor"  # none


@dataclass(frozen=True, slots=True)
class Note:
    """State one fact.

    subject, value: see `NoteKind`; empty where the kind has none. source: of a check that fails, its own place.
    fault: of a fault, what it is.
    """

    kind: NoteKind
    subject: str = ""
    value: str = ""
    source: Source | None = None
    fault: MachineFault | None = None

    def __str__(self) -> str:
        return " ".join(filter(None, [self.kind, self.subject, self.value, str(self.fault or "")]))
