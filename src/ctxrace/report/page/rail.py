"""The lanes of one row, drawn as SVG.

Widths are in percent, so that one drawing fits a wide page and a narrow one. Colours are classes of the style sheet.
"""

from collections.abc import Iterator

from ctxrace.core.interleaving import Event
from ctxrace.core.turn import TurnKind
from ctxrace.report.page.track import Arrow, Lane, Row

__all__ = ["COLOURS", "colour", "rail"]

COLOURS = 6
_STROKES = {Lane.WAITS: "w", Lane.RUNS: "r"}
_HEADS = {TurnKind.ARRIVAL: "a", TurnKind.RETURN: "b", TurnKind.FINISH: "b"}


def colour(lane: int) -> str:
    """Return the class of a lane's colour."""
    return f"c{lane % COLOURS}"


def rail(row: Row, lanes: int) -> str:
    """Return the shapes of `row`, for an SVG element of any size; lanes: how many there are."""
    return "".join(_shapes(row, lanes))


def _shapes(row: Row, lanes: int) -> Iterator[str]:
    for index, (before, after) in enumerate(zip(row.before, row.after, strict=True)):
        at = _percent(index, lanes)
        if before == after:
            yield _line(index, before, at, "0", "100%")
        else:
            yield _line(index, before, at, "0", "50%")
            yield _line(index, after, at, "50%", "100%")
    if isinstance(row.part, Event) and row.lane is not None:
        yield f'<circle class="{colour(row.lane)} dot" cx="{_percent(row.lane, lanes)}" cy="50%" r="4.5"/>'
    if row.arrow is not None:
        yield from _arrow(row.arrow, lanes)


def _line(index: int, lane: Lane, at: str, top: str, bottom: str) -> str:
    if lane is Lane.AWAY:
        return ""
    return f'<line class="{colour(index)} {_STROKES[lane]}" x1="{at}" x2="{at}" y1="{top}" y2="{bottom}"/>'


def _arrow(arrow: Arrow, lanes: int) -> Iterator[str]:
    end = _percent(arrow.end, lanes)
    if arrow.start is None or arrow.start == arrow.end:
        ends = arrow.kind in (TurnKind.RETURN, TurnKind.FINISH)
        shape = '<path d="M-6 0H6" class="{0} r"/>' if ends else '<circle r="4" class="{0} hollow"/>'
        yield f'<svg x="{end}" y="50%" overflow="visible">{shape.format(colour(arrow.end))}</svg>'
        return
    kind = _HEADS.get(arrow.kind, "s")
    start, left = _percent(arrow.start, lanes), arrow.end < arrow.start
    yield f'<line class="{kind}" x1="{start}" x2="{end}" y1="50%" y2="50%"/>'
    head = "M2 0L10 -4.5V4.5Z" if left else "M-2 0L-10 -4.5V4.5Z"
    yield f'<svg x="{end}" y="50%" overflow="visible"><path class="head" d="{head}"/></svg>'


def _percent(lane: int, lanes: int) -> str:
    return f"{100 * (lane + 0.5) / lanes:.4g}%"
