"""Repetitions in a run: what happens again and again, only with other values, is shown a few times and counted.

What different tasks do one after the other, each the same, is a repetition, too: rows are compared by how many tasks
further on their context is than the one before, not by names.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from ctxrace.core.interleaving import Access, Event
from ctxrace.core.names import task_number
from ctxrace.core.turn import Turn, TurnKind

__all__ = ["Change", "Fold", "fold"]

LONGEST = 200  # rows of a block that is looked for
TIMES = 4  # fewer repetitions are not worth a fold
HIDDEN = 4  # nor are fewer rows left out
BEFORE, AFTER = 2, 1  # repetitions shown: of the first ones two tell what changes, the last one tells where it ends
WINDOW = 3  # rows that a repetition is recognised by
BEGINNINGS = (TurnKind.START, TurnKind.SWITCH, TurnKind.ARRIVAL)

Row = Event | Turn
_Place = tuple[str, int, int, str]  # of an access: symbol, offset, size, name


@dataclass(frozen=True, slots=True)
class Change:
    """What a fold does to one place, in the words of `access`.

    first, last: its value before and after; low, high: the least and the greatest in between.
    """

    access: Access
    first: int
    last: int
    low: int
    high: int


@dataclass(frozen=True)
class Fold:
    """Stands for rows left out: `times` repetitions of one block, which differ in values and in who acts only."""

    times: int
    rows: tuple[Row, ...]

    @cached_property
    def block(self) -> tuple[Row, ...]:
        """The first of the repetitions that are left out."""
        return self.rows[: len(self.rows) // self.times]

    @cached_property
    def events(self) -> int:
        """How many events are left out."""
        return self.times * sum(isinstance(row, Event) for row in self.block)

    @cached_property
    def contexts(self) -> tuple[str, ...]:
        """Who acts in it, in the order of appearance."""
        events = [row.context for row in self.block if isinstance(row, Event)]
        return tuple(dict.fromkeys(events or [row.context for row in self.block]))

    @cached_property
    def tasks(self) -> tuple[str, ...]:
        """The tasks that do the same one after the other; empty where the same ones act in each repetition."""
        blocks = range(0, len(self.rows), len(self.block))
        acting = [{row.context for row in self.rows[at : at + len(self.block)]} for at in blocks]
        different = [name for name in self.contexts if name not in acting[-1]]
        if not different:
            return ()
        return tuple(dict.fromkeys(row.context for row in self.rows if task_number(row.context) is not None))

    @cached_property
    def changes(self) -> tuple[Change, ...]:
        """The places whose values differ between repetitions, in the order of appearance."""
        seen: dict[_Place, tuple[Access, list[int]]] = {}
        shown = _shown(self.block)
        for start in range(0, len(self.rows), len(self.block)):
            now: dict[_Place, int] = {}
            for access in _accesses(self.rows[start : start + len(self.block)]):
                place = _place(access)
                if place in shown:
                    was = access.value if access.before is None else access.before
                    seen.setdefault(place, (access, [was]))
                    now[place] = access.value
            for place, value in now.items():
                seen[place][1].append(value)
        return tuple(
            Change(access, values[0], values[-1], min(values), max(values))
            for access, values in seen.values()
            if len(set(values)) > 1
        )


def fold(rows: Sequence[Row]) -> list[Row | Fold]:
    """Replace long repetitions by folds, each after the first of its repetitions and before the last one.

    Repetitions agree in everything but the values read and written, and who is the next task in each. With the rows of
    the folds put back, the result is `rows` again. The time is linear in the number of rows.
    """
    signs = _signs(rows)
    again = _next_same(signs)
    parts: list[Row | Fold] = []
    at = 0
    while at < len(rows):
        found = _longest(signs, again, at)
        if found is None:
            parts.append(rows[at])
            at += 1
            continue
        period, extent = found
        shift = _beginning(rows[at : at + period])
        if not _worthwhile(period, extent - shift):
            shift = 0
        before = BEFORE - bool(shift)  # with the end of one that began otherwise, one more is enough
        times, rest = divmod(extent - shift, period)
        after = AFTER
        if _moves(rows[at + shift : at + shift + 2 * period]):
            before = 1  # the next task tells nothing new
            after = 0 if rest else AFTER  # the last one is the one that begins alike and goes on differently
        first, last = at + shift + before * period, at + shift + (times - after) * period
        parts += rows[at:first]
        parts.append(Fold(times - before - after, tuple(rows[first:last])))
        parts += rows[last : last + after * period]
        at = last + after * period
    return parts


def _moves(two: Sequence[Row]) -> bool:
    """Return whether other tasks act in the second of two repetitions."""
    half = len(two) // 2
    return any(one.context != other.context for one, other in zip(two[:half], two[half:], strict=True))


def _longest(signs: Sequence[int], again: Sequence[int], at: int) -> tuple[int, int] | None:
    """Return the block length whose repetitions reach furthest from `at`, and how far; the shortest of equals."""
    best: tuple[int, int] | None = None
    tried: list[tuple[int, int]] = []
    other = again[at]
    while 0 < (period := other - at) <= LONGEST and at + TIMES * period <= len(signs):
        other = again[other]
        if any(period % shorter == 0 and period <= reach for shorter, reach in tried):
            continue  # blocks of blocks reach no further
        if signs[at : at + (TIMES - 1) * period] != signs[at + period : at + TIMES * period]:
            continue
        end = at + TIMES * period
        while end < len(signs) and signs[end] == signs[end - period]:
            end += 1
        tried.append((period, end - at))
        if _worthwhile(period, end - at) and (best is None or end - at > best[1]):
            best = period, end - at
    return best


def _worthwhile(period: int, extent: int) -> bool:
    times = extent // period
    return times >= TIMES and (times - BEFORE - AFTER) * period >= HIDDEN


def _beginning(block: Sequence[Row]) -> int:
    """Choose where a block that goes round begins: best with who starts."""
    kinds = [row.kind if isinstance(row, Turn) else None for row in block]
    return next((kinds.index(kind) for kind in BEGINNINGS if kind in kinds), 0)


def _signs(rows: Sequence[Row]) -> list[int]:
    """Number the rows: equal numbers are rows that differ at most in values, and in which tasks they are about."""
    numbers: dict[object, int] = {}
    signs = []
    task = 0  # who ran last
    for row in rows:
        number = task_number(row.context)
        further = row.context if number is None else number - task
        task = task if number is None else number
        signs.append(numbers.setdefault((further, *_sign(row, task)), len(numbers)))
    return signs


def _sign(row: Row, task: int) -> tuple[object, ...]:
    if isinstance(row, Turn):
        others = _further(row.previous, task), _further(row.below, task)
        return others, replace(row, context="", previous="", below="")
    places = tuple((access.kind, access.before is None, *_place(access)) for access in row.accesses)
    return row.address, row.instruction, row.function, row.source, places, row.notes


def _further(context: str, task: int) -> int | str:
    """Return how many tasks after number `task` the context is, or its name where it is no task of that kind."""
    number = task_number(context)
    return context if number is None else number - task


def _next_same(signs: Sequence[int]) -> list[int]:
    """For each row, where the same few rows come next; 0 where they do not.

    A single row comes back too often; every repetition that is folded is longer than its block and such a window.
    """
    following: dict[tuple[int, ...], int] = {}
    found = [0] * len(signs)
    for index in range(len(signs) - 1, -1, -1):
        window = tuple(signs[index : index + WINDOW])
        found[index] = following.get(window, 0)
        following[window] = index
    return found


def _shown(block: Sequence[Row]) -> set[_Place]:
    """Choose the places worth telling: those written, and those read that no write of the block covers."""
    written = [access for access in _accesses(block) if access.kind == "write"]
    reads = [access for access in _accesses(block) if not any(_overlap(access, write) for write in written)]
    return {_place(access) for access in (*written, *reads)}


def _overlap(one: Access, other: Access) -> bool:
    if not one.symbol or one.symbol != other.symbol:
        return _place(one) == _place(other)
    return one.offset < other.offset + other.size and other.offset < one.offset + one.size


def _accesses(rows: Sequence[Row]) -> Iterator[Access]:
    return (access for row in rows if isinstance(row, Event) for access in row.accesses)


def _place(access: Access) -> _Place:
    return access.symbol, access.offset, access.size, access.name
