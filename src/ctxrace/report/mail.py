"""An interleaving as kernel commit messages draw it: a column for each context, functions and statements, in ASCII."""

import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from ctxrace.core.interleaving import Access, Event, Interleaving
from ctxrace.core.note import NoteKind
from ctxrace.core.turn import Cause, Turn, TurnKind
from ctxrace.core.verdict import Outcome, Result
from ctxrace.report.folding import Fold, fold
from ctxrace.report.heading import scenario_of
from ctxrace.report.layout import ascii_only, clean, typed
from ctxrace.report.sentences.access import access_phrases
from ctxrace.report.sentences.context import context_name, context_phrase
from ctxrace.report.sentences.note import note_phrase
from ctxrace.report.sentences.reason import reason_sentence
from ctxrace.report.sentences.summary import stale_phrase, summary
from ctxrace.report.stale import stale_writes

__all__ = ["mail_text", "mail_wrapped", "render_interleaving_mail", "render_result_mail"]

WIDTH = 72
LINES = 40
_INDENT = 2  # of the table, and of a statement in its function
_NARROWEST = 16  # columns of a context


def render_result_mail(result: Result) -> str:
    """Write a result as text for a mail or a commit message: each violation with its interleaving, 72 columns."""
    lines = mail_wrapped(f"{clean(result.case)}: {result.outcome} ({scenario_of(result.setup)})")
    for verdict in result.verdicts:
        run = verdict.interleaving
        if verdict.outcome is not Outcome.VIOLATED or run is None:
            reason = f": {reason_sentence(verdict.reason)}" if verdict.reason else ""
            lines += mail_wrapped(f"{verdict.property}: {verdict.outcome}{reason}")
    seen: set[Interleaving] = set()
    for verdict in result.verdicts:
        run = verdict.interleaving
        if verdict.outcome is Outcome.VIOLATED and run is not None and run not in seen:
            seen.add(run)
            kinds = [str(v.property) for v in result.verdicts if v.interleaving == run]
            lines += ["", *mail_wrapped(f"violated: {', '.join(kinds)}"), *_interleaving(run)]
    if result.command:
        lines += ["", *(ascii_only(line) for line in typed(result.command, WIDTH))]
    return mail_text(lines)


def render_interleaving_mail(run: Interleaving) -> str:
    """Write `run` in at most 40 lines of 72 columns of ASCII, after two sentences that say what goes wrong."""
    return mail_text(_interleaving(run))


def mail_text(lines: Iterable[str]) -> str:
    """Return lines of a mail as one text, with a newline at its end."""
    return "".join(f"{ascii_only(line).rstrip()}\n" for line in lines)


def _interleaving(run: Interleaving) -> list[str]:
    sentences = filter(None, summary(run, numbered=False))
    words = [line for sentence in sentences for line in mail_wrapped(f"{_capital(sentence)}.")]
    table = [f"{' ' * _INDENT}{line}".rstrip() for line in _Table(run).lines()]
    words += [""] if words else []
    room = LINES - len(words)
    if len(table) > room:
        first = room * 2 // 3
        last = room - first - 1
        table = [*table[:first], f"{' ' * _INDENT}... ({len(table) - first - last} lines left out)", *table[-last:]]
    return [*words, *table]


def mail_wrapped(text: str) -> list[str]:
    """Return `text` in lines of at most 72 columns of ASCII."""
    return textwrap.wrap(ascii_only(clean(text)), WIDTH, subsequent_indent="    ")


def _capital(text: str) -> str:
    """Return `text` with a capital at its beginning, unless that is a word of the kernel's own."""
    return text[:1].upper() + text[1:] if text.startswith(("the ", "task ")) else text


@dataclass
class _Group:
    """Events of one context in one statement."""

    context: str
    function: str
    statement: str
    accesses: list[Access] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


class _Table:
    """The lines of one run: contexts side by side, or below one another where there are too many."""

    def __init__(self, run: Interleaving) -> None:
        self.parts = fold(run.rows)
        shown = {row.context for row in self.parts if not isinstance(row, Fold)}
        self.names = [name for name in run.contexts if name in shown]
        room = WIDTH - _INDENT
        self.width = room // max(len(self.names), 1)
        self.beside = self.width >= _NARROWEST
        self.functions: dict[str, str] = {}
        self.stale: dict[int, list[str]] = {}
        for stale in stale_writes(run):
            self.stale.setdefault(stale.event, []).append(stale_phrase(stale))

    def lines(self) -> list[str]:
        """Return the heading and the rows."""
        found: list[str] = []
        if self.beside:
            heads = [_head(name, self.width - 1) for name in self.names]
            found += ["".join(f"{head:<{self.width}}" for head in heads)]
            found += ["".join(f"{'-' * len(head):<{self.width}}" for head in heads)]
        for part in self._groups():
            if isinstance(part, _Group):
                found += self._group(part)
            elif isinstance(part, Fold):
                found.append(f"... {part.times} more times the same")
            else:
                found += self._turn(part)
        return found

    def _groups(self) -> Iterator[_Group | Turn | Fold]:
        """Yield the events of one statement together."""
        group: _Group | None = None
        number = 0
        for part in self.parts:
            if not isinstance(part, Event):
                number += part.events if isinstance(part, Fold) else 0
                if group is not None:
                    yield group
                group = None
                yield part
                continue
            statement = _statement(part)
            number += 1
            if group is None or (group.context, group.function, group.statement) != (
                part.context, part.function, statement
            ):  # fmt: skip
                if group is not None:
                    yield group
                group = _Group(part.context, part.function, statement)
            group.accesses += part.accesses
            group.notes += [*self.stale.get(number, []), *map(note_phrase, part.notes)]
        if group is not None:
            yield group

    def _group(self, group: _Group) -> Iterator[str]:
        if group.function and self.functions.get(group.context) != group.function:
            self.functions[group.context] = group.function
            yield from self._cell(group.context, [f"{group.function}()"])
        effects = "; ".join(dict.fromkeys([*access_phrases(group.accesses), *group.notes]))
        texts = [group.statement, f"/* {effects} */" if effects else ""]
        together = " ".join(filter(None, texts))
        fits = len(together) <= self.width - 2 * _INDENT
        texts = [together] if fits else texts
        yield from self._cell(group.context, list(filter(None, texts)), " " * _INDENT)

    def _turn(self, turn: Turn) -> Iterator[str]:
        if turn.kind is TurnKind.ARRIVAL:
            yield from self._cell(turn.below or turn.context, [f"<{context_name(turn.context)}>"])
        elif turn.kind is TurnKind.SWITCH and turn.cause in (Cause.PREEMPTED, Cause.SLEEPS):
            what = "preempted" if turn.cause is Cause.PREEMPTED else "sleeps"
            yield from self._cell(turn.previous, [f"<{what}>"])
        elif turn.kind in (TurnKind.RETURN, TurnKind.FINISH):
            self.functions.pop(turn.context, None)
            yield from self._cell(turn.context, ["return"], " " * _INDENT)
        for note in turn.notes:
            if note.kind is NoteKind.SKIPPED:
                yield from self._cell(turn.context, [f"/* {note_phrase(note)} */"], " " * _INDENT)

    def _cell(self, context: str, texts: Sequence[str], indent: str = "") -> Iterator[str]:
        """Yield `texts` in the column of `context`, the last column as wide as the line is."""
        if not self.beside or context not in self.names:
            prefix = f"{context_name(context)}: "
            rest = " " * min(len(prefix) + 4, WIDTH // 2)
            for text in texts:
                yield from textwrap.wrap(
                    ascii_only(f"{prefix}{indent}{text}"), WIDTH - _INDENT, subsequent_indent=rest
                )
            return
        index = self.names.index(context)
        start = index * self.width
        room = WIDTH - _INDENT - start  # only one context acts in a line, so its text may run on to the right
        for text in texts:
            lines = textwrap.wrap(ascii_only(indent + text), room, subsequent_indent=f"{indent}  ")
            yield from (" " * start + line for line in lines)


def _head(name: str, width: int) -> str:
    head = ascii_only(re.sub(r"^nmi\b", "NMI", context_phrase(name)))
    return head if len(head) <= width else f"{head[: width - 3]}..."


def _statement(event: Event) -> str:
    """Return the C statement of an event, or the instruction where there is no source."""
    if event.source is not None and event.source.text:
        return clean(event.source.text)
    return "" if event.function else clean(event.instruction)
