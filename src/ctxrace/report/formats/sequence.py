"""Interleavings as sequence diagrams for pasting: Mermaid (GitHub, GitLab) and PlantUML.

A participant for each context and one for the memory that they share; a message for each access, a note for each
change of the context that runs.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from ctxrace.core.interleaving import Event, Interleaving
from ctxrace.core.note import NoteKind
from ctxrace.core.suite.trial import Trial
from ctxrace.core.turn import TurnKind
from ctxrace.report.folding import Fold, fold
from ctxrace.report.formats.story import message
from ctxrace.report.layout import clean
from ctxrace.report.sentences.context import context_name
from ctxrace.report.sentences.ending import ending_sentence
from ctxrace.report.sentences.event import effects, marks_of, next_context
from ctxrace.report.sentences.fold import events_phrase, fold_sentence
from ctxrace.report.sentences.turn import turn_sentence

__all__ = ["render_mermaid", "render_plantuml"]

_ROWS = 200  # of a diagram; more are not drawn
_MEMORY = "m"
_NOTES = {NoteKind.READS: "read", NoteKind.SENDS: "read", NoteKind.WRITES: "write"}
_MEANS = re.compile(r"[^\w .,'()+=/>➜:-]|([_/-])(?=\1)|:(?! )")
"""What the languages may give a meaning: markup, comments, the ends of statements, functions of a preprocessor."""
_BEGINS = re.compile(r"^\W+|/(?=')|'(?=/)")
"""What PlantUML gives one where a text begins (headings, rules), and its comments."""


@dataclass(frozen=True, slots=True)
class _Language:
    """How a diagram is written. escape: spells a text that may be anything; over: begins a note over participants."""

    escape: Callable[[str], str]
    participant: str
    read: str
    write: str
    own: str
    over: str
    title: str


def _for_mermaid(text: str) -> str:
    return _MEANS.sub(lambda found: f"#{ord(found[0])};", clean(text))


def _for_plantuml(text: str) -> str:
    text = clean(text)
    special = {at for found in _BEGINS.finditer(text) for at in range(*found.span())}
    special |= {found.start() for found in _MEANS.finditer(text)}
    return "".join(f"<U+{ord(c):04X}>" if at in special and c != " " else c for at, c in enumerate(text))


_MERMAID = _Language(
    _for_mermaid,
    "participant {id} as {name}",
    "{memory}-->>{id}: {text}",
    "{id}->>{memory}: {text}",
    "{id}->>{id}: {text}",
    "Note over {first},{last}: {text}",
    "title: {text}",
)
_PLANTUML = _Language(
    _for_plantuml,
    'participant "{name}" as {id}',
    "{memory} --> {id}: {text}",
    "{id} -> {memory}: {text}",
    "{id} -> {id}: {text}",
    "note over {first},{last}: {text}",
    "title {text}",
)


def render_mermaid(found: Sequence[Trial]) -> str:
    """Write each interleaving as a fenced block of Mermaid, as GitHub and GitLab draw it in Markdown."""
    blocks = ["\n".join(["```mermaid", "sequenceDiagram", *lines, "```"]) for lines in _diagrams(found, _MERMAID)]
    return "\n\n".join(blocks or ["nothing is violated: there is no interleaving to draw"]) + "\n"


def render_plantuml(found: Sequence[Trial]) -> str:
    """Write each interleaving as a diagram of PlantUML."""
    blocks = ["\n".join(["@startuml", *lines, "@enduml"]) for lines in _diagrams(found, _PLANTUML)]
    return "\n\n".join(blocks or ["' nothing is violated: there is no interleaving to draw"]) + "\n"


def _diagrams(found: Sequence[Trial], language: _Language) -> Iterator[list[str]]:
    seen: set[Interleaving] = set()
    for one in found:
        for check in one.checks:
            run = check.verdict.interleaving if check.verdict else None
            if run is not None and run not in seen:
                seen.add(run)
                title = language.title.format(text=language.escape(f"{one.name}: {message(check, one) or check.name}"))
                yield [title, *_diagram(run, language)]


def _diagram(run: Interleaving, language: _Language) -> Iterator[str]:
    parts = fold(run.rows)
    shown = {part.context for part in parts if not isinstance(part, Fold)}
    everybody = dict.fromkeys([*run.contexts, *(row.context for row in run.rows)])
    ids = {name: f"c{number}" for number, name in enumerate(name for name in everybody if name in shown)}
    for name, id in ids.items():
        yield language.participant.format(id=id, name=language.escape(context_name(name)))
    yield language.participant.format(id=_MEMORY, name="memory")
    marks, number = marks_of(run), 1
    over = {"first": next(iter(ids.values()), _MEMORY), "last": _MEMORY}
    for index, part in enumerate(parts[:_ROWS]):
        if isinstance(part, Event):
            yield from _event(number, part, marks.get(number, ()), ids[part.context], language)
            number += 1
            continue
        if isinstance(part, Fold):
            text = fold_sentence(part, number)
            number += part.events
        else:
            text = turn_sentence(part, next_context(parts, index) if part.kind is TurnKind.RETURN else "")
        yield language.over.format(text=language.escape(text), **over)
    if len(parts) > _ROWS and (left := len(run.events) - number + 1):
        yield language.over.format(text=language.escape(f"not drawn: {events_phrase(number, left)}"), **over)
    for sentence in dict.fromkeys(map(ending_sentence, run.endings)):
        yield language.over.format(text=language.escape(f"=> {sentence}"), **over)


def _event(number: int, event: Event, marks: Sequence[str], id: str, language: _Language) -> Iterator[str]:
    """Yield the message of an event: to memory where it writes, from memory where it only reads."""
    kinds = {access.kind for access in event.accesses} | {_NOTES.get(note.kind, "") for note in event.notes}
    arrow = language.write if "write" in kinds else language.read if "read" in kinds else language.own
    did = "; ".join(effects(event, marks))
    text = language.escape(f"{number}. {did or event.instruction}")
    yield arrow.format(id=id, memory=_MEMORY, text=text)
