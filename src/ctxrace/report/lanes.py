"""One interleaving as a table: a lane for each context, time runs downwards.

Only one context acts in a row, so its text may run on over the empty lanes to its right: five contexts fit into
100 columns without cutting an instruction.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from ctxrace.core.interleaving import Event, Interleaving
from ctxrace.core.turn import Turn, TurnKind
from ctxrace.report.folding import Fold, fold
from ctxrace.report.layout import clean, cut, finish, wrap
from ctxrace.report.sentences.context import context_name
from ctxrace.report.sentences.ending import ending_sentence
from ctxrace.report.sentences.event import effects, marks_of, next_context, place_of
from ctxrace.report.sentences.fold import fold_sentence
from ctxrace.report.sentences.turn import turn_sentence

__all__ = ["render_interleaving"]

ROOM = 44  # what the last lane should have: an instruction and what it did
NARROWEST_ROOM = 24
NARROWEST_LANE = 9  # "softirq" and a gap
GAP = 2  # between the names of two lanes
INDENT = 2  # of an instruction below its C line
INSTRUCTION = 26  # longer ones do not move the effects of all the others to the right


def render_interleaving(interleaving: Interleaving, width: int = 100) -> str:
    """Draw one run as a table of numbered events, ending with its outcome.

    Long repetitions are folded; the numbers stay those of the whole run.
    width: columns that no line exceeds (at least 40). Returns the text, with a newline at its end.
    """
    return finish(_draw(interleaving, max(width, 40)), width)


@dataclass(frozen=True, slots=True)
class _Lanes:
    """Where each context's text begins.

    named: there are too many contexts for lanes, so events name theirs instead.
    """

    width: int
    gutter: int
    stride: int
    instruction: int
    order: dict[str, int]
    named: bool

    @classmethod
    def of(cls, interleaving: Interleaving, parts: Sequence[Event | Turn | Fold], width: int) -> "_Lanes":
        """Choose lanes for a run: equally wide, unless the last one would become too narrow for its text.

        Who only acts in what is folded has none.
        """
        shown = {row.context for row in parts if not isinstance(row, Fold)}
        folded = {row.context for part in parts if isinstance(part, Fold) for row in part.rows} - shown
        everybody = dict.fromkeys([*interleaving.contexts, *(row.context for row in interleaving.rows)])
        names = [name for name in everybody if name not in folded]
        events = interleaving.events
        gutter = max(len(str(len(events))), 3) + 2
        free, between = width - gutter, max(len(names) - 1, 1)
        longest = max((cell_len(context_name(name)) for name in names), default=0)
        wide = min(free // max(len(names), 1), (free - ROOM) // between)
        stride = max(wide, NARROWEST_LANE, longest + GAP)
        instruction = max((cell_len(clean(event.instruction)) for event in events), default=0)
        return cls(
            width,
            gutter,
            stride,
            min(instruction, INSTRUCTION),
            {name: index for index, name in enumerate(names)},
            named=stride * (len(names) - 1) + max(NARROWEST_ROOM, longest) > free,
        )

    def start(self, context: str) -> int:
        return self.gutter + (0 if self.named else self.stride * self.order[context])

    def header(self) -> str:
        line = f"{'#':>{self.gutter - 2}}  "
        if self.named:
            return f"{line}context: instruction and what it did"
        for name in self.order:
            line += " " * (self.start(name) - cell_len(line))
            last = self.order[name] == len(self.order) - 1
            line += cut(context_name(name), self.width - self.start(name) if last else self.stride - 2)
        return line

    def place(self, event: Event) -> list[str]:
        """Where an event is, in its lane: file, line and text, in at most two lines."""
        start = self.start(event.context)
        where, text = place_of(event)
        one_line = f"{where}  {text}".rstrip()
        if cell_len(one_line) <= self.width - start:
            return list(_indented([one_line], start))
        lines = [where, f"    {text}"] if text else [where]
        return list(_indented([cut(line, self.width - start) for line in lines], start))

    def event(self, number: int, event: Event, marks: Sequence[str] = ()) -> Iterator[str]:
        """Number an event, with what it did next to its instruction, or below where that is too long."""
        start = self.start(event.context) + INDENT
        room = self.width - start
        label = f"{context_name(event.context)}: " if self.named else ""
        instruction, did = label + clean(event.instruction), effects(event, marks)
        line = instruction + " " * max(len(label) + self.instruction - cell_len(instruction), 0)
        together = f"{line}  {'; '.join(did)}"
        if cell_len(together.rstrip()) <= room:
            lines = [together]
        else:
            whole = "; ".join(did)
            parts = [whole] if cell_len(whole) <= room - 4 else did
            apart = [line for part in parts for line in wrap(part, room - 4, "  ")]
            lines = [*wrap(instruction, room, "  "), *(f"    {line}" for line in apart)]
        body = list(_indented(lines, start))
        yield f"{number:>{self.gutter - 2}}" + body[0][self.gutter - 2 :]
        yield from body[1:]

    def turn(self, sentence: str) -> Iterator[str]:
        room = self.width - self.gutter - 6
        first, *more = wrap(sentence, room)
        edge = " " * self.gutter
        yield f"{edge}── {first}" + (" ──" if not more else "")
        for index, line in enumerate(more, 1):
            yield f"{edge}   {line}" + (" ──" if index == len(more) else "")


def _draw(interleaving: Interleaving, width: int) -> Iterator[str]:
    parts = fold(interleaving.rows)
    lanes = _Lanes.of(interleaving, parts, width)
    yield lanes.header()
    number, known = 0, ("", "")
    marks = marks_of(interleaving)
    for index, part in enumerate(parts):
        if isinstance(part, Event):
            number += 1
            place = place_of(part)
            if place != known:
                yield from lanes.place(part)
            yield from lanes.event(number, part, marks.get(number, ()))
            known = place
            continue
        if isinstance(part, Fold):
            yield from lanes.turn(fold_sentence(part, number + 1))
            number += part.events
        else:
            yield from lanes.turn(
                turn_sentence(part, next_context(parts, index) if part.kind is TurnKind.RETURN else "")
            )
        known = ("", "")  # a context that comes back in the middle of a line shows that line again
    for sentence in dict.fromkeys(map(ending_sentence, interleaving.endings)):
        yield from wrap(f"=> {sentence}", width, "   ")


def _indented(lines: Iterable[str], start: int) -> Iterator[str]:
    return (" " * start + line for line in lines)
