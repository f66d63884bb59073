"""One run as plain data: events in order, with the turns between contexts.

Rows carry their own instruction and source text, so that a report needs neither the machine code nor the engine.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from ctxrace.core.ending import Ending
from ctxrace.core.note import Note
from ctxrace.core.source import Source
from ctxrace.core.turn import Turn

__all__ = ["Access", "Event", "Interleaving", "Source", "ValueKind"]


class ValueKind(StrEnum):
    """How the number in an access is to be read."""

    UNSIGNED = "unsigned"
    SIGNED = "signed"
    UNKNOWN = "unknown"  # it stands for any number
    PREEMPT_COUNT = "preempt count"  # the kernel's: counts of NMI, hardirq, softirq and preempt_disable() in one word


@dataclass(frozen=True, slots=True)
class Access:
    """One memory access of an event.

    kind: ``read`` or ``write``.
    symbol, offset: the variable and the byte offset in it; symbol is empty where no variable is known.
    size: bytes accessed.
    value: what was read or written, unsigned.
    before: for a write, what it replaced.
    name: the place as C spells it (``active[0]``, ``stats.misses``).
    value_kind: how `value` and `before` are to be read.
    """

    kind: str
    symbol: str
    offset: int
    size: int
    value: int
    before: int | None = None
    name: str = ""
    value_kind: ValueKind = ValueKind.UNSIGNED

    def __str__(self) -> str:
        name = self.name or f"{self.symbol}+{self.offset}"
        if self.value_kind is ValueKind.UNKNOWN:
            return f"{self.kind}s {name}"
        if self.kind == "read":
            return f"{name} is {_number(self.value)}"
        return f"{name} {'' if self.before is None else _number(self.before) + ' '}➜ {_number(self.value)}"


@dataclass(frozen=True, slots=True)
class Event:
    """A step that others can notice.

    context: the one that took it, of `Interleaving.contexts`. notes: what it did besides its accesses.
    """

    context: str
    address: int
    instruction: str
    function: str = ""
    source: Source | None = None
    accesses: tuple[Access, ...] = ()
    notes: tuple[Note, ...] = ()

    def __str__(self) -> str:
        facts = "; ".join([*map(str, self.accesses), *map(str, self.notes)])
        return f"{self.context}: {self.instruction}" + (f"  [{facts}]" if facts else "")


@dataclass(frozen=True, slots=True)
class Interleaving:
    """A whole run.

    contexts: all that appear, in column order (tasks first, then by level).
    rows: events and turns in order.
    endings: what is true at the end.
    switches: task switches and arrivals; a return is forced and counts as none.
    schedule: its short spelling, from which it can be replayed.
    """

    contexts: tuple[str, ...]
    rows: tuple[Event | Turn, ...]
    endings: tuple[Ending, ...] = ()
    switches: int = 0
    schedule: str = ""

    @property
    def events(self) -> tuple[Event, ...]:
        """The events alone, in order."""
        return tuple(row for row in self.rows if isinstance(row, Event))

    @property
    def length(self) -> str:
        """How long it is, in words."""
        switches, events = self.switches, len(self.events)
        return f"{switches:,} switch{'' if switches == 1 else 'es'}, {events:,} event{'' if events == 1 else 's'}"

    def __iter__(self) -> Iterator[Event | Turn]:
        return iter(self.rows)

    def __str__(self) -> str:
        return "\n".join([*map(str, self.rows), *(f"=> {ending}" for ending in self.endings)])


def _number(value: int) -> str:
    return str(value) if value < 4096 else hex(value)
