"""What an instruction did besides its accesses, in a few words."""

from ctxrace.core.note import Note, NoteKind
from ctxrace.core.source import Source
from ctxrace.report.layout import clean
from ctxrace.report.sentences.fault import fault_phrase

__all__ = ["check_phrase", "note_phrase"]

_PHRASES = {
    NoteKind.ENTERS: "enters {}",
    NoteKind.LEAVES: "leaves {}",
    NoteKind.RETURNS: "returns {}",
    NoteKind.STORE_FAILS: "the store fails: the exclusive monitor was cleared",
    NoteKind.SLEEPS: "in {}()",
    NoteKind.REFUSED: "refused",
    NoteKind.ALLOWED_BY: "rule: {}",
    NoteKind.SKIPPED: "the kernel skips it, as {} is held",
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
    if note.kind is NoteKind.CHECK_FAILS:
        return check_phrase(note.subject, note.source)
    if note.fault is not None:
        return fault_phrase(note.fault)
    if note.kind is NoteKind.RETURNED:
        return clean(f"{note.subject} returns {note.value}")
    if note.kind is NoteKind.SENDS:
        return clean(f"sends {note.value} bytes of {note.subject}")
    return clean(_PHRASES[note.kind].format(note.subject))


def check_phrase(condition: str, source: Source | None) -> str:
    """Return that a check is false, with its own file, line and text; condition: as C spells it."""
    check = f"ctxrace_check({condition})"
    text = source.text.rstrip(";") if source and source.text else check
    place = f"{source.file.rpartition('/')[2] or source.file}:{source.line}: " if source else ""
    if negated := _negated(condition):  # as WARN_ON() and BUG_ON() have it
        return clean(f"{place}{text}: {'the condition' if negated in text else negated} is true")
    return clean(f"{place}{text} is false" if text == check else f"{place}{text}: {condition} is false")


def _negated(condition: str) -> str:
    """Return what stands in the parentheses of ``!(...)``; empty where the condition is anything else."""
    depth = 0
    for at, character in enumerate(condition[1:] if condition.startswith("!(") else "", 1):
        depth += (character == "(") - (character == ")")
        if not depth:
            return condition[2:at] if at == len(condition) - 1 else ""
    return ""
