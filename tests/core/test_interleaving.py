"""One run as plain data: how each part reads, and that nobody can change it."""

from dataclasses import FrozenInstanceError, fields

import pytest

from ctxrace.core.ending import BodyOverlaps
from ctxrace.core.interleaving import Access, Event, Interleaving, Source
from ctxrace.core.note import Note, NoteKind
from ctxrace.core.property import Property
from ctxrace.core.turn import Cause, Turn, TurnKind

READ = Access("read", "active", 0, 1, 0, name="active[0]")
WRITE = Access("write", "active", 0, 1, 1, 0, "active[0]")
LOAD = Event("task A", 0x10234, "ldrb w9, [x8]", "attempt", Source("guard.c", 23, "active[rctx]++;"), (READ,))
STORE = Event("task A", 0x1023C, "strb w9, [x8]", accesses=(WRITE,), notes=(Note(NoteKind.ENTERS, "body"),))
START = Turn(TurnKind.START, "task A", Cause.CPU_IDLE, entry="attempt")
SWITCH = Turn(TurnKind.SWITCH, "task B", Cause.PREEMPTED, "task A", cpu=1, notes=(Note(NoteKind.RETURNS, "0"),))
RUN = Interleaving(("task A", "task B"), (START, LOAD, SWITCH, STORE), (BodyOverlaps("body", 2),), 1)


@pytest.mark.parametrize(
    ("access", "text"),
    [
        (READ, "active[0] is 0"),
        (WRITE, "active[0] 0 ➜ 1"),
        (Access("write", "active", 0, 1, 1, name="active[0]"), "active[0] ➜ 1"),  # what it replaced is not known
        (Access("read", "seen", 0, 8, 4095, name="seen"), "seen is 4095"),
        (Access("read", "seen", 0, 8, 4096, name="seen"), "seen is 0x1000"),
        (Access("write", "count", 0, 4, 0x10001, 1, "count"), "count 1 ➜ 0x10001"),
    ],
)
def test_access(access: Access, text: str) -> None:
    assert str(access) == text


def test_access_without_a_name() -> None:
    assert "active" in str(Access("read", "active", 3, 1, 0))


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (Event("nmi", 0, "nop"), "nmi: nop"),
        (LOAD, "task A: ldrb w9, [x8]  [active[0] is 0]"),
        (STORE, "task A: strb w9, [x8]  [active[0] 0 ➜ 1; enters body]"),
        (
            Event("nmi", 0, "swpb w0, w1, [x2]", accesses=(READ, WRITE)),
            "nmi: swpb w0, w1, [x2]  [active[0] is 0; active[0] 0 ➜ 1]",
        ),
        (
            Event("nmi", 0, "stxr w1, w0, [x2]", notes=(Note(NoteKind.STORE_FAILS),)),
            "nmi: stxr w1, w0, [x2]  [store-exclusive fails]",
        ),
    ],
)
def test_event(event: Event, text: str) -> None:
    assert str(event) == text


@pytest.mark.parametrize(
    ("turn", "text"),
    [
        (Turn(TurnKind.RETURN, "nmi"), "--- return nmi"),
        (START, "--- start task A (the CPU is idle; runs attempt)"),
        (SWITCH, "--- switch task B (CPU 1; task A preempted; returns 0)"),
        (Turn(TurnKind.ARRIVAL, "nmi", below="B"), "--- arrival nmi (over B)"),
    ],
)
def test_turn(turn: Turn, text: str) -> None:
    assert str(turn) == text


def test_interleaving() -> None:
    assert str(RUN).split("\n") == [
        "--- start task A (the CPU is idle; runs attempt)",
        "task A: ldrb w9, [x8]  [active[0] is 0]",
        "--- switch task B (CPU 1; task A preempted; returns 0)",
        "task A: strb w9, [x8]  [active[0] 0 ➜ 1; enters body]",
        "=> body overlaps: body, 2",
    ]
    assert str(Interleaving((), (START,))) == str(START)
    assert str(Interleaving((), ())) == ""


def test_interleaving_is_its_rows() -> None:
    assert tuple(RUN) == RUN.rows
    assert RUN.events == (LOAD, STORE)
    assert Interleaving(("nmi",), (START,)).events == ()


@pytest.mark.parametrize(
    "value", [Source("guard.c", 23), READ, LOAD, START, RUN, Property("check")], ids=lambda value: type(value).__name__
)
def test_cannot_be_changed(value: Source | Access | Event | Turn | Interleaving | Property) -> None:
    for field in fields(value):
        with pytest.raises(FrozenInstanceError):
            setattr(value, field.name, getattr(value, field.name))
    assert hash(value) == hash(value)


def test_property() -> None:
    assert str(Property("check")) == "check"
    assert str(Property("exclusive", ("body",), "never twice")) == "exclusive(body)"
    assert str(Property("recovers", ("attempt", "body"))) == "recovers(attempt, body)"
    assert Property("exclusive", ("a",)) != Property("exclusive", ("b",))
    assert {Property("check"): 1}[Property("check")] == 1
