"""Where each context stands in each row of an interleaving: what a picture of its lanes shows.

A row is an event, a turn, or what is left out: a repetition that is folded, or the middle of a very long run.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ctxrace.core.interleaving import Event, Interleaving
from ctxrace.core.turn import Turn, TurnKind
from ctxrace.report.folding import Fold, fold
from ctxrace.report.sentences.context import context_name
from ctxrace.report.sentences.event import next_context
from ctxrace.report.sentences.fold import events_phrase, fold_sentence
from ctxrace.report.sentences.turn import turn_sentence

__all__ = ["Arrow", "Gap", "Lane", "Lanes", "Row", "tracked"]

ROWS = 600  # a page shows of one run
FIRST = 400  # of them from its beginning
LANES = 12

_ENDS = (TurnKind.RETURN, TurnKind.FINISH)
_BEGINS = (TurnKind.START, TurnKind.SWITCH, TurnKind.ARRIVAL)


class Lane(StrEnum):
    """What the context of a lane does at one moment."""

    AWAY = "away"  # it has not begun, or has ended
    WAITS = "waits"  # it is in flight, and does not run
    RUNS = "runs"


@dataclass(frozen=True, slots=True)
class Gap:
    """Stands for rows in the middle of a long run; events: how many of them are events."""

    events: int


@dataclass(frozen=True, slots=True)
class Arrow:
    """The CPU goes from lane `start` to lane `end`; start is None where no context had it."""

    kind: TurnKind
    start: int | None
    end: int


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the picture.

    number: of its event, or of the first one that is left out. lane: of the context that acts; None where several do.
    before, after: what each lane does at the top of the row, and at its bottom.
    text: what is said of a turn, and of what is left out; empty for an event.
    """

    part: Event | Turn | Fold | Gap
    number: int
    lane: int | None
    before: tuple[Lane, ...]
    after: tuple[Lane, ...]
    text: str = ""
    arrow: Arrow | None = None

    @property
    def events(self) -> int:
        """How many events the row stands for."""
        return int(isinstance(self.part, Event)) if isinstance(self.part, Event | Turn) else self.part.events


class Lanes:
    """The lanes of a run, one for each context that acts in what is shown; of very many the last ones share one."""

    def __init__(self, run: Interleaving, parts: Sequence[Event | Turn | Fold]) -> None:
        shown = {part.context for part in parts if not isinstance(part, Fold)}
        everybody = dict.fromkeys([*run.contexts, *(row.context for row in run.rows)])
        names = [name for name in everybody if name in shown] or list(everybody)
        own = names if len(names) <= LANES else names[: LANES - 1]
        self.names = [context_name(name) for name in own]
        if len(own) < len(names):
            self.names.append(f"{len(names) - len(own)} more")
        self._of = {name: index for index, name in enumerate(own)}

    def of(self, context: str) -> int:
        """Return the lane of `context`."""
        return self._of.get(context, len(self.names) - 1)


def tracked(run: Interleaving) -> tuple[Lanes, list[Row]]:
    """Return the lanes of `run`, and the rows of its picture, at most about 600."""
    parts = fold(run.rows)
    lanes = Lanes(run, parts)
    rows = list(_rows(parts, lanes))
    if len(rows) <= ROWS:
        return lanes, rows
    left_out = rows[FIRST : len(rows) - (ROWS - FIRST)]
    number, events = left_out[0].number, sum(row.events for row in left_out)
    text = f"not drawn: {events_phrase(number, events) if events else f'{len(left_out)} turns'}"
    gap = Row(Gap(events), number, None, left_out[0].before, left_out[-1].after, text)
    return lanes, [*rows[:FIRST], gap, *rows[len(rows) - (ROWS - FIRST) :]]


def _rows(parts: Sequence[Event | Turn | Fold], lanes: Lanes) -> Iterator[Row]:
    flight = _Flight(lanes)
    number = 1
    for index, part in enumerate(parts):
        before = flight.lanes()
        if isinstance(part, Event):
            flight.event(part)
            row = Row(part, number, lanes.of(part.context), flight.lanes(), flight.lanes())
        elif isinstance(part, Turn):
            arrow = flight.turn(part)
            text = turn_sentence(part, next_context(parts, index) if part.kind is TurnKind.RETURN else "")
            row = Row(part, number, lanes.of(part.context), before, flight.lanes(), text, arrow)
        else:
            for each in part.rows:
                flight.event(each) if isinstance(each, Event) else flight.turn(each)
            row = Row(part, number, None, before, flight.lanes(), fold_sentence(part, number))
        yield row
        number += row.events


class _Flight:
    """Which contexts are in flight, and which of them runs."""

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes
        self._in_flight: dict[str, None] = {}
        self._running = ""

    def lanes(self) -> tuple[Lane, ...]:
        """Return what each lane does now."""
        found = [Lane.AWAY] * len(self._lanes.names)
        for context in self._in_flight:
            found[self._lanes.of(context)] = Lane.WAITS
        if self._running:
            found[self._lanes.of(self._running)] = Lane.RUNS
        return tuple(found)

    def event(self, event: Event) -> None:
        """Take note that the context of `event` runs."""
        self._in_flight[event.context] = None
        self._running = event.context

    def turn(self, turn: Turn) -> Arrow | None:
        """Carry out a turn, and return the arrow that shows it; None for what changes nothing."""
        if turn.kind in _BEGINS:
            start = turn.below or turn.previous or self._running
            self._in_flight[turn.context] = None
            self._running = turn.context
        elif turn.kind in _ENDS:
            start = turn.context
            self._in_flight.pop(turn.context, None)
            self._running = turn.below if turn.kind is TurnKind.RETURN else ""
            if self._running:
                self._in_flight[self._running] = None
        else:
            return None
        end = self._running or turn.context
        return Arrow(turn.kind, self._lanes.of(start) if start else None, self._lanes.of(end))
