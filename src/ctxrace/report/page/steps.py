"""What the page's script steps through: each event of a run in a few numbers, and the texts that they stand for."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ctxrace.core.interleaving import Access, Event, Interleaving
from ctxrace.core.turn import IDLE_TASK, Turn, TurnKind
from ctxrace.report.layout import clean
from ctxrace.report.sentences.access import place_name, value_of
from ctxrace.report.sentences.context import context_name, context_phrase
from ctxrace.report.sentences.event import effects, marks_of, place_of

__all__ = ["steps_of"]

_Place = tuple[str, str, int, int, str]


def steps_of(run: Interleaving) -> dict[str, Any]:
    """Return the run as plain data.

    texts: each text once. contexts, places: numbers of their names. overlaps: for each place, those that have a byte
    in common with it. initial: of each place, what it holds before the first event, -1 where that is not known.
    code: where an event may be: numbers of context, place in the file, C line, function, instruction.
    events: of each, its code, the number of what it did, and then pairs of a place and what it holds from there on.
    ends: pairs of a number of events, and a context that ends after so many.
    """
    return _Steps(run).facts()


@dataclass
class _Numbers:
    """Numbers values in the order of their appearance."""

    of: dict[Any, int] = field(default_factory=dict)

    def __call__(self, value: Any) -> int:  # noqa: ANN401 - anything that can be a key
        return self.of.setdefault(value, len(self.of))


class _Steps:
    def __init__(self, run: Interleaving) -> None:
        self._run = run
        self._text, self._code, self._place = _Numbers(), _Numbers(), _Numbers()
        self._contexts = list(dict.fromkeys([*run.contexts, *(row.context for row in run.rows)]))
        self._owners = _Owners()

    def facts(self) -> dict[str, Any]:
        marks = marks_of(self._run)
        number = {name: index for index, name in enumerate(self._contexts)}
        events: list[list[int]] = []
        ends: list[list[int]] = []
        first: dict[int, tuple[int, int]] = {}
        written: dict[int, int] = {}
        for row in self._run.rows:
            if isinstance(row, Turn):
                self._owners.turn(row)
                if row.kind in (TurnKind.FINISH, TurnKind.RETURN):
                    ends.append([len(events), number[row.context]])
                continue
            did = self._text("; ".join(effects(row, marks.get(len(events) + 1, ()))))
            event = [self._code((number[row.context], *self._where(row))), did]
            for access, place in self._accesses(row):
                first.setdefault(place, (len(events), self._held(access)))
                if access.kind == "write":
                    written.setdefault(place, len(events))
                event += [place, self._text(value_of(access, access.value))]
            events.append(event)
        overlaps = self._overlaps()
        initial = [
            -1 if any(written.get(other, len(events)) < at for other in overlaps[place]) else held
            for place, (at, held) in first.items()
        ]
        contexts = [self._text(context_name(name)) for name in self._contexts]
        places = [self._text(self._place_text(place)) for place in self._place.of]
        return {
            "contexts": contexts,
            "places": places,
            "overlaps": overlaps,
            "initial": initial,
            "code": [list(code) for code in self._code.of],
            "events": events,
            "ends": ends,
            "texts": list(self._text.of),
        }

    def _held(self, access: Access) -> int:
        """Return the number of what the place held before `access`, -1 where that is not known."""
        if access.before is None and access.kind == "write":
            return -1
        return self._text(value_of(access, access.value if access.before is None else access.before))

    def _where(self, event: Event) -> tuple[int, int, int, int]:
        place, text = place_of(event)
        texts = place, text, clean(event.function), clean(event.instruction)
        where, line, function, instruction = map(self._text, texts)
        return where, line, function, instruction

    def _accesses(self, event: Event) -> Iterator[tuple[Access, int]]:
        for access in event.accesses:
            owner = self._owners.of(event.context) if access.symbol == "current" else ""
            yield access, self._place((owner, access.symbol, access.offset, access.size, place_name(access)))

    def _place_text(self, place: _Place) -> str:
        owner, name = place[0], place[-1]
        return f"{context_phrase(owner)}'s {name}" if owner else name

    def _overlaps(self) -> list[list[int]]:
        """Return for each place the others that have a byte in common with it."""
        places: list[_Place] = list(self._place.of)
        found: list[list[int]] = [[] for _ in places]
        order = sorted((place[:3], number) for number, place in enumerate(places) if place[1])
        for index, (begin, number) in enumerate(order):
            for other_begin, other in order[index + 1 :]:
                if other_begin[:2] != begin[:2] or other_begin[2] >= begin[2] + places[number][3]:
                    break
                found[number].append(other)
                found[other].append(number)
        return found


class _Owners:
    """Which task each context runs on: an interrupt on the one below it."""

    def __init__(self) -> None:
        self._below: dict[str, str] = {}

    def turn(self, turn: Turn) -> None:
        """Take note of what an arrival is over."""
        if turn.kind is TurnKind.ARRIVAL:
            self._below[turn.context] = self.of(turn.below) if turn.below else IDLE_TASK

    def of(self, context: str) -> str:
        """Return the task whose `current` the context sees."""
        return self._below.get(context, context)
