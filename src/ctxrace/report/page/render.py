"""A page as one HTML file that needs nothing else, and asks no network for anything."""

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import groupby
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from ctxrace.core.interleaving import Event, Interleaving
from ctxrace.core.source import Coverage
from ctxrace.report.coverage import ways_not_taken
from ctxrace.report.layout import clean, printable
from ctxrace.report.page.parts import Page
from ctxrace.report.page.rail import colour, rail
from ctxrace.report.page.steps import steps_of
from ctxrace.report.page.track import Row, tracked
from ctxrace.report.sentences.context import context_name
from ctxrace.report.sentences.ending import ending_sentence
from ctxrace.report.sentences.event import effects, marks_of, place_of

__all__ = ["render_page"]

_FEW, _LONG = 3, 8  # lanes, and characters of a name


def render_page(page: Page, version: str) -> str:
    """Write `page` as HTML; version: of ctxrace. Returns the text, with a newline at its end.

    Whatever comes from a file is text there: the template escapes it, and the script that steps through it makes text
    of it alone. The page's own policy allows this one script and this one style sheet, and nothing from elsewhere.
    """
    style, script = _file("page.css"), _file("page.js")
    hashes = {"style_hash": _hash(style), "script_hash": _hash(script)}
    text = _template().render(page=page, version=version, style=Markup(style), script=Markup(script), **hashes)
    return f"{text.rstrip()}\n"


@dataclass(frozen=True, slots=True)
class _Line:
    """A row as the template lays it out. same: whether the C line is that of the row above."""

    row: Row
    rail: Markup
    context: str = ""
    colour: str = ""
    place: str = ""
    code: str = ""
    instruction: str = ""
    effects: str = ""
    stale: bool = False
    same: bool = False


@dataclass(frozen=True, slots=True)
class _Drawn:
    """An interleaving as the template lays it out. roomy: whether its lanes are few, and have long names."""

    lanes: list[tuple[str, str]]
    lines: list[_Line]
    endings: list[str]
    events: int
    steps: Markup
    roomy: bool


def _drawn(run: Interleaving) -> _Drawn:
    lanes, rows = tracked(run)
    names = [(name, colour(index)) for index, name in enumerate(lanes.names)]
    endings = list(dict.fromkeys(map(ending_sentence, run.endings)))
    roomy = len(names) <= _FEW and any(len(name) > _LONG for name, _ in names)
    return _Drawn(names, list(_lines(run, rows, len(names))), endings, len(run.events), _data(steps_of(run)), roomy)


def _lines(run: Interleaving, rows: list[Row], lanes: int) -> Iterator[_Line]:
    marks = marks_of(run)
    known = ("", "")
    for row in rows:
        drawing = Markup(rail(row, lanes))
        if not isinstance(row.part, Event) or row.lane is None:
            known = ("", "")
            yield _Line(row, drawing)
            continue
        event, stale = row.part, marks.get(row.number, ())
        place = place_of(event)
        yield _Line(
            row,
            drawing,
            context_name(event.context),
            colour(row.lane),
            *place,
            clean(event.instruction),
            "; ".join(effects(event, stale)),
            bool(stale),
            place == known,
        )
        known = place


def _data(facts: dict[str, Any]) -> Markup:
    """Return `facts` as JSON that no text in it can end."""
    text = json.dumps(facts, separators=(",", ":"))  # ASCII
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def _covered(coverage: Coverage) -> list[tuple[str, list[tuple[str, str, str]]]]:
    """Return the lines of each file, with how many steps executed each, and below each the branches not taken."""
    ways = ways_not_taken(coverage)
    found: list[tuple[str, list[tuple[str, str, str]]]] = []
    for file, lines in groupby(coverage.lines, key=lambda line: line.source.file):
        rows: list[tuple[str, str, str]] = []
        for line in lines:
            rows.append((str(line.steps or ""), str(line.source.line), clean(line.source.text)))
            rows += (("", "", f"  {way}") for way in ways.get(line, ()))
        found.append((clean(file), rows))
    return found


def _shown(value: object) -> object:
    """Return what the template writes for `value`, before it escapes it: no text with what a terminal would obey."""
    return printable(value) if type(value) is str else value


@cache
def _file(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """Return what the page's policy calls the style or script `text`."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@cache
def _template() -> Template:
    loader = PackageLoader("ctxrace.report.page", "")
    environment = Environment(
        loader=loader,
        autoescape=True,
        finalize=_shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(drawn=_drawn, covered=_covered)
    return environment.get_template("page.html")
