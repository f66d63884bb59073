"""Folding: what is left out is counted right, put back it is the run again, and it takes no time worth talking of."""

import random
import re
import time
from collections.abc import Callable, Iterable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctxrace.core.ending import BodyOverlaps, Difference, ValuesLeft
from ctxrace.core.interleaving import Access, Event, Interleaving, Source
from ctxrace.core.names import task_name
from ctxrace.core.note import Note, NoteKind
from ctxrace.core.turn import Cause, Turn, TurnKind
from ctxrace.report.folding import Fold, fold
from ctxrace.report.text import render_interleaving

Row = Event | Turn


def event(context: str, address: int, *accesses: Access, notes: tuple[Note, ...] = ()) -> Event:
    source = Source("src/guard.c", address, f"line {address};")
    return Event(context, address, f"insn {address}", "attempt", source, accesses, notes)


def load(value: int, slot: int = 0) -> Access:
    return Access("read", "active", slot, 1, value, name=f"active[{slot}]")


def store(before: int, value: int, slot: int = 0) -> Access:
    return Access("write", "active", slot, 1, value, before, f"active[{slot}]")


def finished(context: str) -> Turn:
    return Turn(TurnKind.START, context, Cause.FINISHED, context)


def attempt(context: str, value: int, *, first: bool = False) -> list[Row]:
    """One attempt that never gives the counter back, as one byte."""
    after = (value + 1) % 256
    return [
        Turn(TurnKind.START, context, Cause.CPU_IDLE) if first else finished(context),
        event(context, 21, Access("write", "current", 16, 4, 1, 0, "preempt_count")),
        event(context, 23, load(value)),
        event(context, 24, store(value, after)),
        event(context, 25, Access("read", "active", 0, 4, after, name="active")),
        event(context, 26, Access("write", "current", 16, 4, 0, 1, "preempt_count")),
        Turn(TurnKind.FINISH, context),
    ]


def leak(times: int) -> list[Row]:
    return [row for number in range(times) for row in attempt("A", number % 256, first=number == 0)]


def unfolded(parts: Iterable[Row | Fold]) -> list[Row]:
    return [row for part in parts for row in (part.rows if isinstance(part, Fold) else [part])]


def folds(rows: Sequence[Row]) -> list[Fold]:
    parts = fold(rows)
    assert unfolded(parts) == list(rows)
    for part in parts:
        if isinstance(part, Fold):
            assert part.times * len(part.block) == len(part.rows) >= 4
            assert part.events == sum(isinstance(row, Event) for row in part.rows)
    return [part for part in parts if isinstance(part, Fold)]


def printed(text: str) -> list[int]:
    """The numbers of the events that a text shows or counts."""
    said = r"more (?:times? the same by|tasks do the same,) [^:]*"
    shown = rf"^ *(\d+)  |── \d+ {said}:\s+events?\s+(\d+)(?:\s+to\s+(\d+))?"  # may be wrapped
    numbers: list[int] = []
    for one, first, last in re.findall(shown, text, re.MULTILINE):
        numbers += range(int(one or first), int(one or last or first) + 1)
    return numbers


def test_a_counter_that_wraps(golden: Callable[[str, str], None]) -> None:
    rows = [*leak(258)[:-2], event("A", 27, notes=(Note(NoteKind.ENTERS, "body"),))]
    endings = (BodyOverlaps("body", 2), ValuesLeft((Difference("active", 2, 0),)))
    run = Interleaving(("A", "nmi"), tuple(rows), endings)
    golden("folded.txt", render_interleaving(run))


@pytest.mark.parametrize("times", range(1, 9))
def test_how_many_repetitions_it_takes(times: int) -> None:
    found = folds(leak(times + 1)[7:])
    assert [part.times for part in found] == ([times - 3] if times >= 4 else [])
    # Of the first attempt only its start is different: the rest of it is shown, and one whole one.
    assert [part.times for part in folds(leak(times + 1))] == ([times - 2] if times >= 4 else [])


def test_a_block_begins_with_who_starts() -> None:
    (part,) = folds(leak(20)[3:])
    assert part.block[0] == finished("A")


def test_what_changes() -> None:
    (part,) = folds(leak(40))
    assert [(c.access.name, c.first, c.last, c.low, c.high) for c in part.changes] == [("active[0]", 2, 39, 2, 39)]
    (part,) = folds(leak(600))
    assert [(c.first, c.last, c.low, c.high) for c in part.changes] == [(2, 599 % 256, 0, 255)]
    shown = render_interleaving(Interleaving(("A",), tuple(leak(600))))
    told = "597 more times the same by A: events 11 to 2995; active[0] goes from 2 to 87, within 0 to 255 ──"
    assert told in " ".join(shown.split())


def test_waiting_for_another_value_is_told_of_reads_too() -> None:
    spin: list[Row] = [event("A", 5, Access("read", "clock", 0, 8, 10 * n, name="clock")) for n in range(10)]
    (part,) = folds(spin)
    assert [(c.first, c.last) for c in part.changes] == [(20, 80)]
    assert folds([event("A", 5, load(0)) for _ in range(10)])[0].changes == ()


def test_what_differs_in_more_than_values_stays() -> None:
    assert folds([event("A", 1, load(0, slot)) for slot in range(30)]) == []
    returns = [(Note(NoteKind.RETURNS, str(n)),) for n in range(30)]
    assert folds([event("A" if n % 3 else "B", n % 2, notes=notes) for n, notes in enumerate(returns)]) == []
    assert folds([Turn(TurnKind.START, "A", entry=f"number_{n}") for n in range(30)]) == []
    rows = [event("A", 1, load(0), notes=(Note(NoteKind.STORE_FAILS),) if n == 15 else ()) for n in range(31)]
    assert [part.times for part in folds(rows)] == [12, 12]
    assert "the store fails" in render_interleaving(Interleaving(("A",), tuple(rows)))


def test_repetitions_of_repetitions_are_folded_once() -> None:
    block: list[Row] = [*(event("A", 1) for _ in range(9)), event("A", 2)]
    (part,) = folds(block * 20)
    assert (len(part.block), part.times) == (10, 17)
    assert [len(part.block) for part in folds(block * 2)] == [1, 1]


def test_several_contexts_in_a_block() -> None:
    block: list[Row] = [Turn(TurnKind.SWITCH, "B", Cause.PREEMPTED, "A"), event("B", 1), Turn(TurnKind.ARRIVAL, "nmi"),
                        event("nmi", 1), Turn(TurnKind.RETURN, "nmi"), Turn(TurnKind.SWITCH, "A", Cause.PREEMPTED, "B"),
                        event("A", 1)]  # fmt: skip
    run = Interleaving(("A", "B", "nmi"), tuple(block * 10))
    text = render_interleaving(run)
    assert "── 7 more times the same by B, NMI and A: events 7 to 27 ──" in text
    assert printed(text) == list(range(1, 31))


def in_flight(tasks: int) -> list[Row]:
    """Each task counts up and is preempted by the next; the last one does something else at its end."""
    rows: list[Row] = []
    for number in range(tasks):
        name, before = task_name(number), task_name(number - 1) if number else ""
        preempted = Turn(TurnKind.SWITCH, name, Cause.PREEMPTED, before)
        rows.append(preempted if before else Turn(TurnKind.START, name, Cause.CPU_IDLE))
        notes = (Note(NoteKind.ENTERS, "body"),) if number in (0, tasks - 1) else ()
        rows += [event(name, 24, store(number % 256, (number + 1) % 256)), event(name, 26, notes=notes)]
    return rows


def test_different_tasks_that_do_the_same_one_after_the_other() -> None:
    rows = in_flight(257)
    (part,) = folds(rows)
    assert (part.times, part.events, part.tasks[0], part.tasks[-1], len(part.tasks)) == (254, 508, "C", "T255", 254)
    assert [(c.first, c.last, c.low, c.high) for c in part.changes] == [(2, 0, 0, 255)]
    text = render_interleaving(Interleaving(tuple(task_name(number) for number in range(257)), tuple(rows)))
    assert text.splitlines()[0].split() == ["#", "A", "B", "T256"]  # who is folded has no lane
    assert "254 more tasks do the same, C to T255: events 5 to 512; active[0] goes from 2 to 0, within 0 to 255" in (
        " ".join(text.split())
    )
    assert printed(text) == list(range(1, 515))


@pytest.mark.parametrize("tasks", range(1, 10))
def test_how_many_tasks_it_takes(tasks: int) -> None:
    assert [part.times for part in folds(in_flight(tasks))] == ([tasks - 3] if tasks >= 7 else [])


def test_tasks_that_differ_stay() -> None:
    rows = in_flight(20)
    rows[10 * 3] = Turn(TurnKind.SWITCH, task_name(10), Cause.PREEMPTED, "A")  # not the last
    assert [(part.tasks[0], part.tasks[-1]) for part in folds(rows)] == [("C", "I"), ("M", "S")]
    every_other = [row for number in range(0, 40, 2) for row in in_flight(41)[number * 3 : number * 3 + 3]]
    assert [part.tasks[-1] for part in folds(every_other)] == ["T36"]


def test_tasks_that_take_turns_with_an_interrupt() -> None:
    rows: list[Row] = []
    for number in range(30):
        name = task_name(number)
        rows += [Turn(TurnKind.SWITCH, name), event(name, 1), Turn(TurnKind.ARRIVAL, "nmi", below=name)]
        rows += [event("nmi", 2), Turn(TurnKind.RETURN, "nmi", below=name), event(name, 3)]
    (part,) = folds(rows)
    text = render_interleaving(Interleaving((*map(task_name, range(30)), "nmi"), tuple(rows)))
    assert f"{part.times} more tasks do the same, {part.tasks[0]} to {part.tasks[-1]}: events " in text
    assert printed(text) == list(range(1, 91))


def test_the_longest_block() -> None:
    rows: list[Row] = [event("A", n % 200) for n in range(2000)]
    assert [(len(part.block), part.times) for part in folds(rows)] == [(200, 7)]
    assert folds([event("A", n % 201) for n in range(2000)]) == []


rows_of_few_kinds = st.lists(st.sampled_from([0, 1, 2, 3]), max_size=5)


@st.composite
def runs(draw: st.DrawFn) -> list[Row]:
    """Pieces, some of them repeated, and repeated again."""
    pieces = draw(st.lists(st.tuples(rows_of_few_kinds, st.integers(1, 9)), max_size=5))
    kinds = [kind for piece, times in pieces for kind in piece * times] * draw(st.integers(1, 6))
    value = 0
    rows: list[Row] = []
    for kind in kinds:
        value += kind == 3
        events = (event("A", 1), event("nmi", 2, load(value)), event("A", 3, store(1, value)))
        rows.append(events[kind - 1] if kind else Turn(TurnKind.START, "A"))
    return rows


@settings(max_examples=200, deadline=None)
@given(runs())
def test_unfolding_gives_back_every_event(rows: list[Row]) -> None:
    folds(rows)
    text = render_interleaving(Interleaving(("A", "nmi"), tuple(rows)))
    assert printed(text) == list(range(1, 1 + sum(isinstance(row, Event) for row in rows)))
    assert text == render_interleaving(Interleaving(("A", "nmi"), tuple(rows)))


@pytest.mark.parametrize("kinds", ["periodic", "noise", "one", "nearly", "nested"])
def test_long_runs_take_little_time(kinds: str) -> None:
    chance = random.Random(1)
    number = 40_000
    kind_of: dict[str, Callable[[int], int]] = {
        "periodic": lambda n: n % 150,
        "noise": lambda _: chance.randrange(3),
        "one": lambda _: 1,
        "nearly": lambda n: 1 if n % 199 else n,
        "nested": lambda n: (n % 7 == 0) + 2 * (n % 133 == 0),
    }
    addresses = kind_of[kinds]
    rows: list[Row] = [event("A", addresses(n)) for n in range(number)]
    begin = time.process_time()
    parts = fold(rows)
    took = time.process_time() - begin
    assert sum(len(part.rows) if isinstance(part, Fold) else 1 for part in parts) == number
    assert took < 5, f"{took:.1f} s for {number} rows"
