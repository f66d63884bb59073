"""What goes wrong in an interleaving, and how, as two sentences."""

from ctxrace.core.interleaving import Event, Interleaving, ValueKind
from ctxrace.core.turn import Cause, Turn, TurnKind
from ctxrace.report.sentences.access import place_name, value_of
from ctxrace.report.sentences.context import context_name, context_phrase
from ctxrace.report.sentences.ending import ending_sentence
from ctxrace.report.stale import StaleWrite, stale_writes

__all__ = ["stale_phrase", "summary"]

_SHOWN = 3  # turns


def summary(run: Interleaving, *, numbered: bool = True) -> tuple[str, str]:
    """Return the first of what is true at the end of `run`, and how it comes about; either may be empty.

    numbered: whether events are named by their numbers, which a mail does not show.
    """
    what = ending_sentence(run.endings[0]) if run.endings else ""
    stale = next(stale_writes(run), None)
    return what, _lost_update(stale, numbered=numbered) if stale else _turns(run, numbered=numbered)


def stale_phrase(stale: StaleWrite) -> str:
    """Return that a write is over a value that its context has not seen, for a mark beside it."""
    unknown = stale.access.value_kind is ValueKind.UNKNOWN
    value = "value" if unknown else value_of(stale.access, stale.access.value)
    return f"{context_name(stale.context)}'s {value} is from before {context_name(stale.other)}'s write"


def _lost_update(stale: StaleWrite, *, numbered: bool) -> str:
    name = place_name(stale.read)
    found = "" if stale.read.value_kind is ValueKind.UNKNOWN else f" as {value_of(stale.read, stale.read.value)}"
    mine, other = context_name(stale.context), context_name(stale.other)
    read, written, lost = (
        f" (event {number})" if numbered else "" for number in (stale.read_event, stale.other_event, stale.event)
    )
    return f"{mine} reads {name}{found}{read}, {other} writes it{written}, and {mine} overwrites that{lost}"


def _turns(run: Interleaving, *, numbered: bool) -> str:
    """Return where contexts take the CPU from one another."""
    parts: list[str] = []
    number = 0
    for row in run.rows:
        if isinstance(row, Event):
            number += 1
        elif part := _turn(row):
            when = f" after event {number}" if number else " before the first event"
            parts.append(part + (when if numbered else ""))
    more = len(parts) - _SHOWN
    return ", ".join(parts[:_SHOWN]) + (f", and {more} more" if more > 0 else "")


def _turn(turn: Turn) -> str:
    if turn.kind is TurnKind.ARRIVAL:
        over = f" over {context_phrase(turn.below)}" if turn.below else ""
        return f"{context_name(turn.context)} arrives{over}"
    if turn.cause in (Cause.PREEMPTED, Cause.SLEEPS):
        what = "is preempted" if turn.cause is Cause.PREEMPTED else "sleeps"
        return f"{context_phrase(turn.previous)} {what}"
    return ""
