"""Interleavings for mails and commit messages: a golden file for the form, and what must hold of any run."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings

from ctxrace.core.interleaving import Access, Event, Interleaving, Source
from ctxrace.core.turn import Cause, Turn, TurnKind
from ctxrace.core.verdict import Outcome
from ctxrace.report.mail import LINES, WIDTH, render_interleaving_mail, render_result_mail
from ctxrace.report.sentences.summary import summary
from ctxrace.report.stale import StaleWrite, stale_writes

from .test_text import BALANCED, EXCLUSIVE, PROGRESS, both_inside, nested, result, results, runs, verdict


def read(context: str, value: int, name: str = "x") -> Event:
    access = Access("read", name, 0, 4, value, None, name)
    return Event(context, 1, "ldr", "f", Source("a.c", 1, f"{name}++;"), (access,))


def write(context: str, before: int, value: int, name: str = "x") -> Event:
    access = Access("write", name, 0, 4, value, before, name)
    return Event(context, 2, "str", "f", Source("a.c", 1, f"{name}++;"), (access,))


def run(*rows: Event | Turn) -> Interleaving:
    return Interleaving(tuple(dict.fromkeys(row.context for row in rows)), rows)


def test_form(golden: Callable[[str, str], None]) -> None:
    shown = result(
        [
            verdict(EXCLUSIVE, Outcome.VIOLATED, both_inside(), 96),
            verdict(BALANCED, Outcome.VIOLATED, nested()),
            verdict(PROGRESS, Outcome.HOLDS),
        ]
    )
    golden("mail.txt", render_result_mail(shown))


def test_a_lost_update_is_found() -> None:
    lost = run(read("A", 0), read("B", 0), write("B", 0, 1), write("A", 1, 1))
    (stale,) = stale_writes(lost)
    assert stale == StaleWrite(4, "A", lost.events[3].accesses[0], 1, lost.events[0].accesses[0], "B", 3)
    assert summary(lost) == (
        "",
        "A reads x as 0 (event 1), B writes it (event 3), and A overwrites that (event 4)",
    )
    assert "/* x 1 -> 1; A's 1 is from before B's write */" in render_interleaving_mail(lost)


FINISH = Turn(TurnKind.FINISH, "A")


@pytest.mark.parametrize(
    "rows",
    [
        (read("A", 0), write("A", 0, 1), read("B", 1), write("B", 1, 2)),  # one after the other
        (read("A", 0), write("B", 0, 1), read("A", 1), write("A", 1, 2)),  # read again
        (read("A", 0), FINISH, write("B", 0, 1), write("A", 1, 5)),  # in another attempt
        (read("A", 0), write("B", 0, 1, "y"), write("A", 0, 1)),  # another place
        (write("B", 0, 1), write("A", 1, 5)),  # never read
    ],
)
def test_other_writes_are_not_lost_updates(rows: tuple[Event | Turn, ...]) -> None:
    assert list(stale_writes(run(*rows))) == []


def test_an_atomic_instruction_sees_what_it_replaces() -> None:
    access = (Access("read", "x", 0, 4, 1, None, "x"), Access("write", "x", 0, 4, 2, 1, "x"))
    atomic = Event("A", 3, "ldadd", "f", None, access)
    assert list(stale_writes(run(read("A", 0), write("B", 0, 1), atomic))) == []


def test_without_a_lost_update_the_turns_are_told() -> None:
    arrival = Turn(TurnKind.ARRIVAL, "nmi", Cause.NOTHING_MASKS, below="A")
    preempted = Turn(TurnKind.SWITCH, "B", Cause.PREEMPTED, "A")
    assert summary(run(read("A", 0), arrival, read("nmi", 0), preempted)) == (
        "",
        "NMI arrives over task A after event 1, task A is preempted after event 2",
    )


def test_a_long_run_has_a_gap() -> None:
    rows = [write("A", n, n + 1, f"x{n % 7 * n}") for n in range(300)]
    lines = render_interleaving_mail(run(*rows)).splitlines()
    assert len(lines) == LINES
    assert any("lines left out" in line for line in lines)


@settings(max_examples=60, deadline=None)
@given(runs)
def test_any_run_fits_a_mail(shown: Interleaving) -> None:
    lines = render_interleaving_mail(shown).splitlines()
    assert len(lines) <= LINES
    for line in lines:
        assert line.isascii() and line.isprintable() and len(line) <= WIDTH


@settings(max_examples=30, deadline=None)
@given(results)
def test_any_result_fits_a_mail(shown: object) -> None:
    for line in render_result_mail(shown).splitlines():  # type: ignore[arg-type]
        assert line.isascii() and line.isprintable() and len(line) <= WIDTH
