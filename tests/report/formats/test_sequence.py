"""Sequence diagrams: golden files, and names that are neither markup nor another line of the diagram."""

import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings

from ctxrace.core.interleaving import Interleaving
from ctxrace.core.suite.trial import trial_of
from ctxrace.core.verdict import Outcome
from ctxrace.report.formats.sequence import render_mermaid, render_plantuml

from ..page.cases import long_run
from ..test_text import EXCLUSIVE, both_inside, result, runs, verdict
from .cases import found, hostile

MERMAID = re.compile(
    r"title: .*|participant (c\d+|m) as .*|m-->>c\d+: .*|(c\d+)->>(m|\2): .*|Note over (c\d+|m),m: .*"
)
PLANTUML = re.compile(
    r'title .*|participant "[^"]*" as (c\d+|m)|m --> c\d+: .*|(c\d+) -> (m|\2): .*|note over (c\d+|m),m: .*'
)


def test_golden(golden: Callable[[str, str], None]) -> None:
    golden("mermaid.md", render_mermaid(found()))
    golden("plantuml.txt", render_plantuml(found()))


def assert_lines(run_or_trials: object, number: int) -> None:
    """Every line is of a known form, and no text has a character that the language gives a meaning."""
    mermaid, plantuml = (render(run_or_trials) for render in (render_mermaid, render_plantuml))  # type: ignore[arg-type]
    blocks = re.findall(r"```mermaid\nsequenceDiagram\n((?:.*\n)*?)```\n", mermaid)
    assert len(blocks) == number == plantuml.count("@startuml\n") == plantuml.count("@enduml\n")
    for line in "".join(blocks).splitlines():
        assert MERMAID.fullmatch(line), line
        text = re.sub(r"#\d+;", "?", line)
        assert not set(text) & set("#;<%{}[]`"), line
    for line in plantuml.splitlines():
        if line and line not in ("@startuml", "@enduml"):
            assert PLANTUML.fullmatch(line), line
            text = re.sub(r"<U\+[0-9A-F]{4,6}>", "?", line.replace("-->", ""))
            assert not set(text) & set("<%$!~\\*"), line
            assert not re.search("__|//|--", text), line


def test_hostile_names() -> None:
    assert_lines(hostile(), 1)


@settings(max_examples=60, deadline=None)
@given(runs)
def test_any_run(run: Interleaving) -> None:
    assert_lines([trial_of("a.c", result([verdict(EXCLUSIVE, Outcome.VIOLATED, run)]))], 1)


@pytest.mark.parametrize("render", [render_mermaid, render_plantuml])
def test_without_an_interleaving_a_sentence_says_so(render: Callable[..., str]) -> None:
    text = render([trial_of("a.c", result([verdict(EXCLUSIVE, Outcome.HOLDS)]))])
    assert text.removeprefix("' ") == "nothing is violated: there is no interleaving to draw\n"


def test_one_run_is_drawn_once() -> None:
    twice = trial_of("a.c", result([verdict(EXCLUSIVE, Outcome.VIOLATED, both_inside())] * 2))
    assert_lines([twice], 1)


def test_a_long_run_ends_with_how_much_is_left_out() -> None:
    text = render_mermaid([trial_of("a.c", result([verdict(EXCLUSIVE, Outcome.VIOLATED, long_run(500))]))])
    assert text.count("\n") < 220
    assert re.search(r"not drawn: events \d+ to 500\n", text)
