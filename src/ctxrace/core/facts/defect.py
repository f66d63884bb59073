"""What goes wrong where two programs meet."""

from dataclasses import dataclass
from enum import StrEnum

from ctxrace.core.facts.fact import Fact

__all__ = ["Defect", "ProgramsMet"]


class Defect(StrEnum):
    """What goes wrong where two programs meet."""

    UNMIXED = "unmixed"  # a program sends bytes that the other wrote meanwhile
    LOST_UPDATE = "lost update"  # a store overwrites what the other stored since the load that it is based on
    MISSED = "missed"  # the kernel skips a program as its guard is taken
    LEAKED = "leaked"  # a guard of the programs' own is not given back
    STUCK = "stuck"  # and never will be

    @property
    def word(self) -> str:
        """How it is typed, and how tests of it are called."""
        return self.value.replace(" ", "-")


@dataclass(frozen=True, slots=True)
class ProgramsMet(Fact):
    """Two programs have met, and this has gone wrong for `program`, whose property it is.

    memory: the map or variable; ranges: the bytes of it. guard: what the kernel holds while it skips a program.
    """

    defect: Defect
    program: str
    other: str
    memory: str = ""
    ranges: tuple[tuple[int, int], ...] = ()
    guard: str = ""
