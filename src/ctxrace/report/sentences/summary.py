"""What goes wrong in an interleaving, and how, as two sentences."""

from ctxrace.core.interleaving import Event, Interleaving
from ctxrace.core.turn import Cause, Turn, TurnKind
from ctxrace.report.sentences.access import place_name, value_of
from ctxrace.report.sentences.context import context_name, context_phrase
from ctxrace.report.sentences.ending import ending_sentence
from ctxrace.report.stale import StaleWrite, stale_writes

__all__ = ["stale_phrase", "summary"]

_SHOWN = 3  # turns


def summary(run: Interleaving) -> tuple[str, str]:
    """Return the first of what is true at the end of `run`, and how it comes about; either may be empty."""
    what = ending_sentence(run.endings[0]) if run.endings else ""
    stale = next(stale_writes(run), None)
    return what, _lost_update(stale) if stale else _turns(run)


def stale_phrase(stale: StaleWrite) -> str:
    """Return that a write is over a value that its context has not seen, for a mark beside it."""
    return f"{context_name(stale.context)}'s value is from before {context_name(stale.other)}'s write"


def _lost_update(stale: StaleWrite) -> str:
    name, found = place_name(stale.read), value_of(stale.read, stale.read.value)
    mine, other = context_phrase(stale.context), context_phrase(stale.other)
    return (
        f"{mine} reads {name} as {found} (event {stale.read_event}), {other} writes it (event {stale.other_event}), "
        f"and {mine} overwrites that (event {stale.event})"
    )


def _turns(run: Interleaving) -> str:
    """Return where contexts take the CPU from one another."""
    parts: list[str] = []
    number = 0
    for row in run.rows:
        if isinstance(row, Event):
            number += 1
        elif part := _turn(row):
            parts.append(f"{part} {f'after event {number}' if number else 'before the first event'}")
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
