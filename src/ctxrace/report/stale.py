"""Writes over a value that the writing context has not seen: the lost updates of an interleaving."""

from collections.abc import Iterator
from dataclasses import dataclass

from ctxrace.core.interleaving import Access, Event, Interleaving
from ctxrace.core.turn import Turn, TurnKind

__all__ = ["StaleWrite", "stale_writes"]

_Place = tuple[str, int, int, str]


@dataclass(frozen=True, slots=True)
class StaleWrite:
    """Event `event`, of `context`, overwrites what `other` wrote at event `other_event`.

    access: the write. `context` last read the place at event `read_event`, before `other` wrote: it found `read`.
    Events are numbered from 1.
    """

    event: int
    context: str
    access: Access
    read_event: int
    read: Access
    other: str
    other_event: int


def stale_writes(run: Interleaving) -> Iterator[StaleWrite]:
    """Yield each write to a place that another context has written since the writing context last read it.

    Only reads of the same attempt count, and of the same bytes. An atomic instruction, which reads what it replaces,
    never writes a stale value.
    """
    reads: dict[tuple[str, _Place], tuple[int, Access]] = {}
    writes: dict[_Place, tuple[int, str]] = {}
    number = 0
    for row in run.rows:
        if isinstance(row, Turn):
            if row.kind in (TurnKind.FINISH, TurnKind.RETURN):
                reads = {key: value for key, value in reads.items() if key[0] != row.context}
            continue
        number += 1
        yield from _of_event(number, row, reads, writes)


def _of_event(
    number: int,
    event: Event,
    reads: dict[tuple[str, _Place], tuple[int, Access]],
    writes: dict[_Place, tuple[int, str]],
) -> Iterator[StaleWrite]:
    for access in event.accesses:
        place = access.symbol, access.offset, access.size, access.name
        if access.kind == "read":
            reads[event.context, place] = number, access
            continue
        known, last = reads.get((event.context, place)), writes.get(place)
        if known is not None and last is not None and last[0] > known[0] and last[1] != event.context:
            yield StaleWrite(number, event.context, access, known[0], known[1], last[1], last[0])
        writes[place] = number, event.context
