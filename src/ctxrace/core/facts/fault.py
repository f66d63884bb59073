"""A fault: a bug of the code under test, after which nothing is known of what it does."""

from dataclasses import dataclass
from enum import StrEnum

from ctxrace.core.facts.fact import Fact

__all__ = ["FaultKind", "MachineFault"]


class FaultKind(StrEnum):
    """What kind of fault it is. The comment says what its `address` is, and which other fields it has."""

    TRAPS = "traps"  # none
    WILD = "no memory"  # where there is none; size
    READ_ONLY = "read-only"  # what is written; size, region
    MISALIGNED = "misaligned"  # what is accessed; size, alignment
    ACROSS_END = "across the end"  # what is accessed; size, region
    BELOW_STACK = "below the stack pointer"  # the lowest that is accessed
    STACK_LEFT = "outside of the stack"  # the stack pointer


@dataclass(frozen=True, slots=True)
class MachineFault(Fact):
    """What the machine does not do. size: of the access, in bytes; region: what is called so in memory.

    alignment: the address must be a multiple of it. instruction, place: which one it was, and where; empty where that
    is said anyway, as the instruction is an event.
    """

    kind: FaultKind
    address: int = 0
    size: int = 0
    region: str = ""
    alignment: int = 0
    instruction: str = ""
    place: str = ""
