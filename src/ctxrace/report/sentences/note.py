"""What an instruction did besides its accesses, in a few words."""

from ctxrace.core.note import Note, NoteKind
from ctxrace.report.layout import clean

__all__ = ["note_phrase"]

_PHRASES = {
    NoteKind.ENTERS: "enters {}",
    NoteKind.LEAVES: "leaves {}",
    NoteKind.RETURNS: "returns {}",
    NoteKind.STORE_FAILS: "the store fails: the exclusive monitor was cleared",
    NoteKind.CHECK_FAILS: "ctxrace_check({}) is false",
    NoteKind.SLEEPS: "in {}()",
    NoteKind.FAULTS: "{}",
    NoteKind.REFUSED: "refused",
    NoteKind.IS_STEP: "← step {}",
    NoteKind.IS_OUTCOME: "← outcome",
    NoteKind.CALLED: "calls {}",
    NoteKind.READS: "reads {}",
    NoteKind.WRITES: "writes {}",
    NoteKind.RESCHEDULES: "writes {}: changes what may be scheduled",
    NoteKind.MASKS: "changes the interrupt mask",
    NoteKind.MAY_SLEEP: "may give up the CPU ({})",
    NoteKind.ASKS_CPU: "asks which CPU it is on",
    NoteKind.NEEDS_MONITOR: "succeeds only if the exclusive monitor is armed",
}


def note_phrase(note: Note) -> str:
    """Return what `note` says."""
    if note.kind is NoteKind.RETURNED:
        return clean(f"{note.subject} returns {note.value}")
    return clean(_PHRASES[note.kind].format(note.subject))
