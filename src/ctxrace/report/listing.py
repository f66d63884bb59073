"""A program's instructions as text and as JSON: which are events, and why."""

import re
from collections.abc import Iterable, Iterator, Sequence

from rich.cells import cell_len

from ctxrace.core.facts.stop import Stop
from ctxrace.core.interleaving import Event, Source
from ctxrace.core.note import Note, NoteKind
from ctxrace.report.json import fact, json_text, row_fact
from ctxrace.report.layout import clean, cut, cut_front, finish, wrap
from ctxrace.report.sentences.note import note_phrase
from ctxrace.report.sentences.stop import stop_phrase

__all__ = ["SCHEMA", "listing_to_json", "render_listing"]

SCHEMA = "ctxrace-listing/1"
WIDTH = 100
INSTRUCTION = 40  # columns; a longer one has its reasons on lines of their own
FILE = 40
ELEMENT = re.compile(r"(.*\[)(\d+)(\].*)")  # of an array, as C spells it


def render_listing(name: str, compiler: str, lines: Sequence[Event], remark: str = "") -> str:
    """Write the instructions `lines`, which are sorted by address; what has notes is an event, for these reasons.

    name: the program; compiler: who made it; remark: what a reader must know besides.
    Returns the text, with a newline at its end; no line exceeds 100 columns.
    """
    return finish(_lines(name, compiler, lines, remark), WIDTH)


def listing_to_json(name: str, compiler: str, lines: Sequence[Event], stopped: Stop | None = None) -> str:
    """Write the same facts as JSON, schema ``ctxrace-listing/1``; stopped: why not all states were visited."""
    kept = ("address", "instruction", "function", "source", "notes")
    facts = {
        "schema": SCHEMA,
        "case": name,
        "compiler": compiler,
        "stopped": None if stopped is None else fact(stopped, stop_phrase(stopped)),
        "instructions": [{key: row_fact(line)[key] for key in kept} for line in lines],
    }
    return json_text(facts)


def _lines(name: str, compiler: str, lines: Sequence[Event], remark: str) -> Iterator[str]:
    events = sum(bool(line.notes) for line in lines)
    answer = f": {events} of {len(lines)} instructions are events (marked *)"
    yield cut_front(clean(name), WIDTH - len(answer)) + answer
    for text in filter(None, (compiler, remark)):
        yield from wrap(text, WIDTH, "    ")
    widths = [cell_len(clean(line.instruction)) for line in lines if line.notes]
    column = max((width for width in widths if width <= INSTRUCTION), default=0)
    function: str | None = None
    source: Source | None = None
    for line in lines:
        if line.function != function:
            function, source = line.function, None
            yield ""
            yield f"{clean(function) or 'outside of any function'}:"
        if line.source is not None and line.source != source:
            source = line.source
            yield cut(f"  {_place(source)}", WIDTH)
        yield from _instruction(line, column)


def _place(source: Source) -> str:
    file = clean(source.file)
    return f"{cut_front(file.rpartition('/')[2] or file, FILE)}:{source.line}  {clean(source.text)}"


def _instruction(line: Event, column: int) -> Iterator[str]:
    """Write an instruction, and next to it or below it why it is an event."""
    start = f"  {'*' if line.notes else ' '} {line.address:016x}  "
    instruction = clean(line.instruction)
    if not line.notes:
        yield cut(start + instruction, WIDTH)
        return
    edge = " " * (len(start) + column + 2)
    reasons = [text for reason in _reasons(line.notes) for text in wrap(reason, WIDTH - len(edge), "  ")]
    together = "; ".join(_reasons(line.notes))
    if cell_len(together) <= WIDTH - len(edge):
        reasons = [together]
    if cell_len(instruction) > column:
        yield cut(start + instruction, WIDTH)
    else:
        yield f"{start}{instruction}{' ' * (column - cell_len(instruction))}  {reasons.pop(0)}"
    for text in reasons:
        yield edge + text


def _reasons(notes: Iterable[Note]) -> list[str]:
    """Join reasons that differ in an index only: an instruction that runs in several contexts has one for each."""
    elements: dict[tuple[NoteKind, str, str], list[int]] = {}
    reasons: dict[object, Note] = {}
    for note in notes:
        match = ELEMENT.fullmatch(clean(note.subject))
        if match is None or note.kind not in (NoteKind.READS, NoteKind.WRITES):
            reasons[note] = note
            continue
        front, index, back = match.groups()
        indices = elements.setdefault((note.kind, front, back), [])
        indices.append(int(index))
        reasons[note.kind, front, back] = Note(note.kind, _elements(front, indices, back))
    return [note_phrase(note) for note in reasons.values()]


def _elements(front: str, indices: Iterable[int], back: str) -> str:
    """Spell elements of an array, of which one at a time is meant: ``one of active[0..2], active[4]``."""
    runs: list[list[int]] = []
    for index in sorted(set(indices)):
        if runs and runs[-1][-1] == index - 1:
            runs[-1].append(index)
        else:
            runs.append([index])
    shown = [f"{run[0]}..{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs]
    several = len(shown) > 1 or ".." in shown[0]
    return ("one of " if several else "") + ", ".join(f"{front}{part}{back}" for part in shown)
