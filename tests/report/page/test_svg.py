"""The lanes as a picture: a golden file, and whatever names are in it, it is one XML document that does nothing."""

from collections.abc import Callable
from xml.etree import ElementTree

from hypothesis import given, settings

from ctxrace.core.interleaving import Interleaving
from ctxrace.report.page.svg import render_svg

from ..test_text import both_inside, nested, runs
from .cases import hostile_run, long_run

SVG = "{http://www.w3.org/2000/svg}"
ELEMENTS = {f"{SVG}{name}" for name in ("svg", "title", "style", "text", "line", "circle", "path")}


def read(text: str) -> ElementTree.Element:
    root = ElementTree.fromstring(text)
    assert {element.tag for element in root.iter()} <= ELEMENTS
    for element in root.iter():
        assert not [name for name in element.attrib if name.startswith("on") or "href" in name]
    return root


def test_form(golden: Callable[[str, str], None]) -> None:
    golden("lanes.svg", render_svg(both_inside()))
    golden("nested.svg", render_svg(nested()))


def test_every_event_has_a_dot_and_a_number() -> None:
    root = read(render_svg(nested()))
    assert len(root.findall(f".//{SVG}circle[@r='4.5']")) == len(nested().events)
    assert [one.text for one in root.findall(f"{SVG}text[@class='number']")] == [str(n + 1) for n in range(7)]


def test_names_are_text() -> None:
    root = read(render_svg(hostile_run()))
    assert any("alert(1)" in (one.text or "") for one in root.iter(f"{SVG}text"))


def test_a_long_run_is_cut_in_the_middle() -> None:
    root = read(render_svg(long_run(2000)))
    assert any("not drawn: events" in (one.text or "") for one in root.iter(f"{SVG}text"))


@settings(max_examples=60, deadline=None)
@given(runs)
def test_any_run_is_a_picture(run: Interleaving) -> None:
    read(render_svg(run))
