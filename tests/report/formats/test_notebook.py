"""Results in a notebook, and in any form by name."""

from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

import ctxrace
from ctxrace.core.errors import CtxraceError
from ctxrace.core.statement import Decision, Fact, Ruling, Statement
from ctxrace.core.suite.trial import trial_of
from ctxrace.core.verdict import Outcome
from ctxrace.report.formats.notebook import notebook_html
from ctxrace.report.formats.written import written
from ctxrace.report.json import to_json
from ctxrace.report.programs.mail import render_programs_mail
from ctxrace.report.text import render_result

from ..programs.findings import PREEMPTED, programs
from ..test_json import RUN, result

HOSTILE = "<script>alert('\"&amp;')</script>\x1b[31m.c"


class Tags(HTMLParser):
    """The tags of a text, which must be closed in the opposite order, and what stands between them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.text = ""
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: Any) -> None:  # noqa: ANN401
        assert all(name == "style" or (tag, name) == ("details", "open") for name, _ in attrs)
        self.seen.add(tag)
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_result_is_a_table_with_its_interleavings() -> None:
    tags = Tags(notebook_html(result()))
    assert tags.seen == {"div", "p", "b", "br", "span", "small", "table", "thead", "tbody", "tr", "th", "td", "details",
                         "summary", "pre", "code"}  # fmt: skip
    assert "exclusive(body)violated12" in tags.text and "ldrb w9, [x8]" in tags.text


def test_nothing_of_an_input_is_markup() -> None:
    found = result(HOSTILE)
    renamed = (replace(one, property=replace(one.property, kind=HOSTILE)) for one in found.verdicts)
    named = replace(found, verdicts=tuple(renamed))
    event = replace(RUN.events[0], instruction=HOSTILE, function=HOSTILE)
    for value in (found, named, trial_of(HOSTILE, found), replace(RUN, rows=(RUN.rows[0], event))):
        tags = Tags(notebook_html(value))
        assert "script" not in tags.seen and "<script>" in tags.text and "\x1b" not in tags.text


def test_what_the_api_returns_shows_itself() -> None:
    for kind in (ctxrace.Result, ctxrace.ClaimResult, ctxrace.Interleaving, ctxrace.ProgramsResult, ctxrace.Trial):
        assert kind._repr_html_ is notebook_html  # type: ignore[union-attr]


def test_forms_by_name() -> None:
    found = result()
    assert written(found, "text", 80, "1") == render_result(found, 80)
    assert written([found], "json", 100, "1") == to_json([found]) == written(found, "json", 100, "1")
    assert written(found, "ktap", 100, "1").startswith("KTAP version 1\n")
    assert '"version": "1.2"' in written([found], "sarif", 100, "1.2")
    assert written([trial_of("a.c", found)], "text", 100, "1").startswith("1 file: 0 as expected, 1 not\n")
    assert written(RUN, "mail", 100, "1").isascii()
    with pytest.raises(CtxraceError, match="no form 'xml' of a Result; there are: text, json, mail, html, svg, ktap"):
        written(found, "xml", 100, "1")
    assert written(RUN, "mermaid", 100, "1").startswith("```mermaid\nsequenceDiagram\ntitle: an interleaving: replay\n")


def test_pages_and_pictures_by_name() -> None:
    found, object_ = result(), programs(PREEMPTED)
    fact = Fact("a", Decision(Ruling.HOLDS), Decision(Ruling.HOLDS), None, "", RUN)
    several = (found, [found], RUN, object_, PREEMPTED, [Statement("q", "me", "so", (fact,))], [trial_of("a.c", found)])
    for value in several:
        assert written(value, "svg", 100, "1").startswith("<svg ")
    for value in several[:-1]:
        assert "<footer>ctxrace 1.2.3</footer>" in written(value, "html", 100, "1.2.3")
    with pytest.raises(CtxraceError, match="no form 'svg' of a ProgramsResult; there are: text, json, mail, html,"):
        written(programs(), "svg", 100, "1")  # there is no interleaving


def test_forms_of_bpf_objects() -> None:
    object_ = programs(PREEMPTED)
    assert written(object_, "mail", 100, "1") == render_programs_mail(object_)
    assert written(object_, "ktap", 100, "1").splitlines()[-1] == "not ok 1 a.bpf.o"
    assert written(PREEMPTED, "mail", 100, "1") in written(object_, "mail", 100, "1")
    assert written(PREEMPTED, "github", 100, "1").startswith("::error file=a.bpf.c,line=12,")


def test_colors_are_of_outcomes() -> None:
    assert {verdict.outcome for verdict in result().verdicts} == set(Outcome)
    assert notebook_html(result()).count("font-weight:bold") == 4
