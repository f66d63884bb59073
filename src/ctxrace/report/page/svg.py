"""The lanes of one interleaving as a picture: an SVG file that needs nothing else."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from markupsafe import escape
from rich.cells import cell_len

from ctxrace.core.interleaving import Event, Interleaving
from ctxrace.report.layout import clean, cut
from ctxrace.report.page.rail import COLOURS, colour, rail
from ctxrace.report.page.track import Gap, Row, tracked
from ctxrace.report.sentences.ending import ending_sentence
from ctxrace.report.sentences.event import effects, marks_of, place_of

__all__ = ["render_svg"]

COLUMN = 7.6  # of the font, in pixels
LINE = 21
LEFT, NUMBER, GAP = 12, 34, 18
WIDEST = 120  # columns of text
_LIGHT = ("#1659b8", "#a34a00", "#1d7338", "#7a35a8", "#b3175c", "#45525f")
_DARK = ("#82b6ff", "#ffab66", "#7bd890", "#cfa2f5", "#ff94bf", "#b4bfca")


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of the picture: lanes at the left, text at the right. kind: how the text looks."""

    row: Row
    kind: str
    text: str
    number: str = ""


def render_svg(run: Interleaving) -> str:
    """Draw the lanes of `run`: time runs downwards, arrows are switches and interrupts, dots are events.

    Returns the text, with a newline at its end. Nothing in it runs, and it asks no network for anything.
    """
    lanes, rows = tracked(run)
    lines = list(_lines(run, rows))
    endings = [f"=> {sentence}" for sentence in dict.fromkeys(map(ending_sentence, run.endings))]
    pitch = max(56, *(round(COLUMN * cell_len(name)) + 14 for name in lanes.names)) if lanes.names else 56
    start, across = LEFT + NUMBER, pitch * len(lanes.names)
    text = start + across + GAP
    longest = max((cell_len(cut(line, WIDEST)) for line in [*(line.text for line in lines), *endings]), default=0)
    width, height = round(text + COLUMN * longest + 2 * LEFT), LINE * (len(lines) + len(endings) + 2)
    title = endings[0] if endings else "an interleaving"
    shapes = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-labelledby="title">',
        f'<title id="title">{escape(title)}</title>',
        f"<style>{_style()}</style>",
    ]
    for index, name in enumerate(lanes.names):
        shapes.append(_text(start + pitch * (index + 0.5), 1, name, f"name {colour(index)}"))
    for at, line in enumerate(lines, 2):
        inside = f'x="{start}" y="{LINE * (at - 1) + 5}" width="{across}" height="{LINE}"'
        shapes.append(f'<svg {inside} class="rail">{rail(line.row, len(lanes.names))}</svg>')
        shapes += [_text(start - 10, at, line.number, "number")] if line.number else []
        shapes.append(_text(text, at, line.text, line.kind))
    shapes += [_text(text, at, ending, "ending") for at, ending in enumerate(endings, len(lines) + 2)]
    return "".join(f"{shape}\n" for shape in [*shapes, "</svg>"])


def _lines(run: Interleaving, rows: list[Row]) -> Iterator[_Line]:
    marks = marks_of(run)
    known = ("", "")
    for row in rows:
        if not isinstance(row.part, Event):
            known = ("", "")
            yield _Line(row, "turn", row.text)
            continue
        place, stale = place_of(row.part), marks.get(row.number, ())
        if place != known:
            yield _Line(replace(row, part=Gap(0)), "code", "  ".join(filter(None, place)))
        known = place
        did = "; ".join(effects(row.part, stale))
        told = f"{clean(row.part.instruction):<26}  {did}".rstrip()
        yield _Line(row, "stale" if stale else "event", told, str(row.number))


def _text(x: float, line: int, text: str, kind: str) -> str:
    return f'<text x="{x:g}" y="{LINE * line - 1}" class="{kind}">{escape(cut(text, WIDEST))}</text>'


def _style() -> str:
    rules = [
        "text{font:12.5px ui-monospace,'DejaVu Sans Mono','Liberation Mono',monospace;fill:#1c1e21;white-space:pre}",
        ".name{text-anchor:middle;font-weight:bold}.number{text-anchor:end;fill:#5b6068}",
        ".code,.turn{fill:#5b6068}.stale,.ending{fill:#b3171d}.ending{font-weight:bold}",
        ".rail{overflow:visible}.rail line,.rail path,.rail circle{stroke:var(--c,#5b6068);fill:none;stroke-width:1.5}",
        ".rail .r{stroke-width:4}.rail .w,.rail .b{stroke-dasharray:2 3}.rail .a{stroke-dasharray:6 3}",
        ".rail .dot{fill:var(--c)}.rail .hollow{fill:#fff;stroke-width:2}.rail .head{fill:#5b6068;stroke:none}",
        *(f".c{index}{{--c:{_LIGHT[index]}}}text.c{index}{{fill:{_LIGHT[index]}}}" for index in range(COLOURS)),
    ]
    dark = [
        "text{fill:#e4e6ea}.code,.turn,.number{fill:#a2a8b1}.stale,.ending{fill:#ff8a86}",
        ".rail line,.rail path,.rail circle{stroke:var(--c,#a2a8b1)}.rail .head{fill:#a2a8b1;stroke:none}",
        ".rail .hollow{fill:#15171a}",
        *(f".c{index}{{--c:{_DARK[index]}}}text.c{index}{{fill:{_DARK[index]}}}" for index in range(COLOURS)),
    ]
    return f"{''.join(rules)}@media (prefers-color-scheme:dark){{{''.join(dark)}}}"
