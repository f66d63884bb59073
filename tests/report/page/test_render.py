"""The page as a file: golden content, one script and one style sheet, and nothing in it but text of what was given."""

import base64
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings

from ctxrace.core.verdict import Outcome, Result
from ctxrace.report.page.render import render_page
from ctxrace.report.page.results import page_of_results

from ..test_text import BALANCED, EXCLUSIVE, result, results, verdict
from .cases import HOSTILE, hostile, html, long_html, violated


class Read(HTMLParser):
    """What a browser would find: elements with their attributes, and the text inside scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.inside: dict[str, list[str]] = {"script": [], "style": []}
        self.texts: list[str] = []
        self._open = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag in self.inside:
            self.inside[tag].append("")
            self._open = tag

    def handle_endtag(self, tag: str) -> None:
        if tag == self._open:
            self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open:
            self.inside[self._open][-1] += data
        else:
            self.texts.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


def digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def assert_alone(text: str, stories: int) -> None:
    """The page has its own script and style sheet, data for each story, and refers to nothing but itself."""
    page = Read(text)
    kinds = [attributes.get("type") for attributes in page.all("script")]
    assert kinds == [*["application/json"] * stories, None]
    assert len(page.all("style")) == 1
    (policy,) = [one["content"] for one in page.all("meta") if one.get("http-equiv") == "Content-Security-Policy"]
    scripts, styles = digest(page.inside["script"][-1]), digest(page.inside["style"][0])
    assert policy == (
        f"default-src 'none'; style-src '{styles}'; script-src '{scripts}'; base-uri 'none'; form-action 'none'"
    )
    for tag, attributes in page.found:
        assert tag not in ("img", "link", "iframe", "object", "base", "form"), tag
        for name, value in attributes.items():
            assert not name.startswith("on") and name not in ("src", "style"), (tag, name)
            if name == "href":
                assert (value or "").startswith("#")
    for data in page.inside["script"][:-1]:
        assert json.loads(data)["events"] is not None
    text.encode("utf-8")


def test_content(golden: Callable[[str, str], None]) -> None:
    text = html(violated())
    golden("page.html", text[text.index("<main>") : text.index("</main>") + len("</main>\n")])
    assert_alone(text, 2)


def test_many_results(golden: Callable[[str, str], None]) -> None:
    safe = result([verdict(EXCLUSIVE, Outcome.HOLDS), verdict(BALANCED, Outcome.HOLDS)], "generic")
    open_ = result([verdict(EXCLUSIVE, Outcome.INCOMPLETE)], "arm64-v1")
    text = render_page(page_of_results([safe, violated(), open_], missing=["no-exit"], notes=["a note"]), "1.2.3")
    golden("table.html", text[text.index("<main>") : text.index('<article class="story"')])
    links = [one["href"] for one in Read(text).all("a") if "-e" not in (one["href"] or "")]
    assert links == ["#r2", "#r3"]
    brief = page_of_results([safe, violated()], brief=[violated().command])
    assert brief.sections == ()


def test_nothing_that_was_given_is_markup() -> None:
    text = html(hostile())
    assert_alone(text, 1)
    page = Read(text)
    assert [one for one in page.texts if "alert(1)" in one]
    assert "\x1b" not in text and "\u202e" not in text
    assert HOSTILE.replace("\udcff\x1b", "\ufffd\ufffd").replace("\u202e", "\ufffd") in "".join(page.texts)


@settings(max_examples=40, deadline=None)
@given(results)
def test_any_result_is_a_page(shown: Result) -> None:
    runs = {
        (verdict.interleaving.contexts, verdict.interleaving.rows)
        for verdict in shown.verdicts
        if verdict.outcome is Outcome.VIOLATED and verdict.interleaving is not None
    }
    assert_alone(html(shown), len(runs))


@pytest.mark.parametrize("number", [0, 2])
def test_a_page_of_no_or_several_results_has_an_answer(number: int) -> None:
    page = page_of_results([result([verdict(EXCLUSIVE, Outcome.HOLDS)])] * number)
    assert page.title == ("nothing was checked" if not number else "all 2 verdicts hold: guard.c")


def test_a_long_run_is_not_drawn_whole_and_can_be_stepped_through() -> None:
    text = long_html(3000)
    drawn = re.findall(r'<li id="i1-e(\d+)" class="event', text)
    assert 500 < len(drawn) < 600
    ((first, last),) = re.findall(r'<li id="i1-e(\d+)" class="fold" data-last="(\d+)">', text)
    assert len(drawn) + int(last) - int(first) + 1 == 3000
    assert len(json.loads(Read(text).inside["script"][0])["events"]) == 3000


def test_the_page_names_the_release() -> None:
    assert '<meta name="generator" content="ctxrace 1.2.3">' in html(replace(violated(), command=""))
