"""One run as plain data: events in order, with the turns between contexts.

Rows carry their own instruction and source text, so that a report needs neither the machine code nor the engine.
"""

from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Access", "Event", "Interleaving", "Source", "Turn"]


@dataclass(frozen=True, slots=True)
class Source:
    """A place in a source file; `text` is that line, stripped, or empty where the file is not at hand."""

    file: str
    line: int
    text: str = ""


@dataclass(frozen=True, slots=True)
class Access:
    """One memory access of an event.

    kind: ``read`` or ``write``.
    symbol, offset: the variable and the byte offset in it; symbol is empty where no variable is known.
    size: bytes accessed.
    value: what was read or written, unsigned.
    before: for a write, what it replaced.
    name: the place as C spells it (``active[0]``, ``stats.misses``).
    """

    kind: str
    symbol: str
    offset: int
    size: int
    value: int
    before: int | None = None
    name: str = ""

    def __str__(self) -> str:
        name = self.name or f"{self.symbol}+{self.offset}"
        if self.kind == "read":
            return f"{name} is {_number(self.value)}"
        return f"{name} {'' if self.before is None else _number(self.before) + ' '}➜ {_number(self.value)}"


@dataclass(frozen=True, slots=True)
class Event:
    """A step that others can notice.

    context: who took it, one of `Interleaving.contexts`.
    notes: what it did besides its accesses, in a few words each (``enters body``, ``store fails``).
    """

    context: str
    address: int
    instruction: str
    function: str = ""
    source: Source | None = None
    accesses: tuple[Access, ...] = ()
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        told = "; ".join([*map(str, self.accesses), *self.notes])
        return f"{self.context}: {self.instruction}" + (f"  [{told}]" if told else "")


@dataclass(frozen=True, slots=True)
class Turn:
    """A change of who runs.

    kind: ``start``, ``switch``, ``arrival``, ``return`` or ``finish``.
    context: the one that runs from here on (for ``return`` and ``finish``: the one that ends).
    reason: why it may happen here; notes: as for events.
    """

    kind: str
    context: str
    reason: str = ""
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        told = "; ".join(part for part in (self.reason, *self.notes) if part)
        return f"--- {self.kind} {self.context}" + (f" ({told})" if told else "")


@dataclass(frozen=True, slots=True)
class Interleaving:
    """A whole run.

    contexts: everyone who appears, in column order (tasks first, then by level).
    rows: events and turns in order.
    outcome: what is true at the end, as one sentence.
    switches: task switches and arrivals; a return is forced and counts as none.
    notes: what a reader must know besides. schedule: its short spelling, from which it can be replayed.
    """

    contexts: tuple[str, ...]
    rows: tuple[Event | Turn, ...]
    outcome: str = ""
    switches: int = 0
    notes: tuple[str, ...] = ()
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
        return "\n".join([*map(str, self.rows), *([f"=> {self.outcome}"] if self.outcome else [])])


def _number(value: int) -> str:
    return str(value) if value < 4096 else hex(value)
