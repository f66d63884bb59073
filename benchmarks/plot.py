"""Draw how something grows: lines on logarithmic axes, as SVG."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

__all__ = ["plot"]

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 640, 400, 70, 50, 40
_COLOURS = ("#1b6ca8", "#c0392b", "#2e8b57", "#8e44ad", "#d68910")

Points = Sequence[tuple[float, float]]


def plot(path: Path, title: str, across: str, up: str, lines: Mapping[str, Points]) -> None:
    """Write an SVG file with one line for each of `lines`, points (x, y) above 0; across, up: what the axes are."""
    points = [point for line in lines.values() for point in line]
    if not points:
        return
    xs, ys = sorted({x for x, _ in points}), [y for _, y in points]
    low, high = math.floor(math.log10(min(ys))), math.ceil(math.log10(max(ys)))
    high = max(high, low + 1)
    first, last = math.log2(xs[0]), max(math.log2(xs[-1]), math.log2(xs[0]) + 1)

    def at(x: float, y: float) -> tuple[float, float]:
        right = (math.log2(x) - first) / (last - first) * (_WIDTH - _LEFT - 150)
        above = (math.log10(y) - low) / (high - low) * (_HEIGHT - _BOTTOM - _TOP)
        return round(_LEFT + right, 1), round(_HEIGHT - _BOTTOM - above, 1)

    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}"',
        ' font-family="sans-serif" font-size="12">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
        _text(_WIDTH / 2, 20, title, "middle", ' font-weight="bold"'),
        _text(_LEFT, _HEIGHT - 12, across, "start"),
        _text(8, _TOP - 8, up, "start"),
    ]
    for exponent in range(low, high + 1):
        x, y = at(xs[0], 10.0**exponent)
        drawn.append(f'<line x1="{x}" y1="{y}" x2="{_WIDTH - 150}" y2="{y}" stroke="#dddddd"/>')
        drawn.append(_text(x - 8, y + 4, f"{10.0**exponent:,.6g}", "end"))
    drawn += [_text(at(x, 10.0**low)[0], _HEIGHT - _BOTTOM + 18, f"{x:g}", "middle") for x in xs]
    for number, (name, line) in enumerate(lines.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        places = [at(*point) for point in line]
        path_of = " ".join(f"{x},{y}" for x, y in places)
        drawn.append(f'<polyline points="{path_of}" fill="none" stroke="{colour}" stroke-width="2"/>')
        drawn += [f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>' for x, y in places]
        if places:
            drawn.append(_text(places[-1][0] + 8, places[-1][1] + 4, name, "start", f' fill="{colour}"'))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*drawn, "</svg>", ""]), encoding="utf-8")


def _text(x: float, y: float, text: str, anchor: str, more: str = "") -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}"{more}>{escape(text)}</text>'
