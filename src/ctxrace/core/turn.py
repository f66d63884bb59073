"""A change of the context that runs, and why it may happen there."""

from dataclasses import dataclass
from enum import StrEnum

from ctxrace.core.note import Note

__all__ = ["IDLE_TASK", "Cause", "Turn", "TurnKind"]

IDLE_TASK = "idle"
"""What the idle task is called among the contexts."""


class TurnKind(StrEnum):
    """What kind of change it is."""

    START = "start"  # the context begins its entry on a CPU where no task runs
    SWITCH = "switch"
    ARRIVAL = "arrival"
    RETURN = "return"
    FINISH = "finish"
    BETWEEN = "between"  # no change: what the context did between two events, where a claim has it


class Cause(StrEnum):
    """Why the context may run from here on."""

    CPU_IDLE = "the CPU is idle"
    NOTHING_ELSE = "the CPU has nothing else to do"
    FINISHED = "finished"  # `Turn.previous` has
    SLEEPS = "sleeps"  # `Turn.previous` does, in `Turn.function`
    PREEMPTED = "preempted"  # `Turn.previous` is, in `Turn.function` where only its call allows that
    PREEMPTED_FIRST = "preempted before its first event"  # `Turn.previous` is
    MIGRATES = "migration is not disabled"
    INTERRUPTS_AND_HALVES_ON = "interrupts and bottom halves are on"
    INTERRUPTS_ON = "interrupts are on"
    NOTHING_MASKS = "nothing masks an NMI"


@dataclass(frozen=True, slots=True)
class Turn:
    """A change of the context that runs.

    context: the one that runs from here on (for a return and a finish: the one that ends).
    cause: why it may happen here. previous: the task that loses the CPU; function: where it does.
    entry: the entry that the context begins here, empty where it goes on; arguments: with what, where that may be one
    of several; first_event: whether it reaches its first event before it loses the CPU again.
    below: the context that an arrival interrupts, or that a return goes back to.
    accounted: for an arrival, whether the preempt count says so. cpu: where, if there are several; came_from: the CPU
    that the task migrates from.
    notes: what the context did in private before its first event.
    """

    kind: TurnKind
    context: str
    cause: Cause | None = None
    previous: str = ""
    function: str = ""
    entry: str = ""
    arguments: tuple[str, ...] = ()
    first_event: bool = True
    below: str = ""
    accounted: bool = True
    cpu: int | None = None
    came_from: int | None = None
    notes: tuple[Note, ...] = ()

    @property
    def begins(self) -> str:
        """The entry that the context begins, with its arguments where those may be one of several."""
        return f"{self.entry}({', '.join(self.arguments)})" if self.arguments else self.entry

    def __str__(self) -> str:
        words = [f"CPU {self.cpu}" if self.cpu is not None else "", f"{self.previous} {self.cause or ''}".strip()]
        words += [f"over {self.below}" if self.below else "", f"runs {self.begins}" if self.entry else ""]
        facts = "; ".join(filter(None, [*words, *map(str, self.notes)]))
        return f"--- {self.kind} {self.context}" + (f" ({facts})" if facts else "")
