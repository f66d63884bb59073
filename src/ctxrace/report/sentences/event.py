"""What an event is and did, and where it stands, in a few words each."""

from collections.abc import Sequence

from ctxrace.core.interleaving import Event, Interleaving
from ctxrace.core.turn import Turn
from ctxrace.report.folding import Fold
from ctxrace.report.layout import clean, cut_front
from ctxrace.report.sentences.access import access_phrases
from ctxrace.report.sentences.note import note_phrase
from ctxrace.report.sentences.summary import stale_phrase
from ctxrace.report.stale import stale_writes

__all__ = ["effects", "marks_of", "next_context", "place_of"]

_FILE = 28  # columns


def effects(event: Event, marks: Sequence[str] = ()) -> list[str]:
    """Return what an event did: its accesses, what marks them, then its notes, each in a few words."""
    return [*access_phrases(event.accesses), *marks, *map(note_phrase, event.notes)]


def marks_of(run: Interleaving) -> dict[int, list[str]]:
    """Return what marks the events of `run`, by their numbers: the values that are stale."""
    marks: dict[int, list[str]] = {}
    for stale in stale_writes(run):
        marks.setdefault(stale.event, []).append(stale_phrase(stale))
    return marks


def place_of(event: Event) -> tuple[str, str]:
    """Return where an event is, and what stands there: the C line, or at least the function."""
    function = f"in {clean(event.function)}" if event.function else ""
    if event.source is None:
        return function, ""
    file = clean(event.source.file)
    name = file.rpartition("/")[2] or file  # directories push the code aside; JSON has them
    return f"{cut_front(name, _FILE)}:{event.source.line}", clean(event.source.text) or function


def next_context(parts: Sequence[Event | Turn | Fold], index: int) -> str:
    """Return who goes on after the return at `index`: known only where the next row is one of its events."""
    following = parts[index + 1] if index + 1 < len(parts) else None
    row = following.rows[0] if isinstance(following, Fold) else following
    return row.context if isinstance(row, Event) else ""
