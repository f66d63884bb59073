"""Sequence diagrams in the real tools: each is drawn, and every text in the picture is the text that was given."""

import os
import re
import shutil
import string
import subprocess
import xml.etree.ElementTree as Xml
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from ctxrace.core.ending import ClaimedOutcome
from ctxrace.core.interleaving import Access, Event, Interleaving
from ctxrace.core.suite.trial import Trial, trial_of
from ctxrace.core.turn import Turn, TurnKind
from ctxrace.core.verdict import Outcome
from ctxrace.report.formats.sequence import render_mermaid, render_plantuml
from ctxrace.report.layout import clean
from ctxrace.report.programs.trial import trial_of_programs

from ..page.browser import Window, chromium
from ..page.cases import HOSTILE
from ..programs.findings import INTERRUPTED, PREEMPTED, SKIPPED, programs
from ..test_text import EXCLUSIVE, result, verdict
from .cases import found

pytestmark = pytest.mark.slow

_WORDS = (
    "end note", "end", "@enduml", "!include x", "<b>x</b>", "\\n", "a\\nb", "%date()", "[[http://x.y/z?a=b]]", "&amp;",
    "&#65;", "#65;", "/' c '/", "== a ==", "...", "a : b", "a:b", "alt", "opt x", "😀", "<U+0041>", "1. a", "title x",
    "A->>B: x", "note over a: b", "autonumber", "participant x as y", "_a_", "x__y__z", "a--b", "a//b//c", "日本",
    "accTitle: x", "accDescr {", "%%{init: {}}%%", "$$x$$", "<<x>>", "<br/>", "box x", HOSTILE,
)  # fmt: skip
_FORMS = ("{0}", "{0}{0}a{0}{0}", "a {0}{0} b")
TEXTS = [*_WORDS, *(form.format(sign) for sign in string.punctuation for form in _FORMS)]


def drawn(text: str) -> Trial:
    """A trial that says `text` wherever a diagram says something."""
    access = Access("write", text, 0, 4, 1, None, text)
    rows = (Turn(TurnKind.START, text, entry=text), Event(text, 1, text, text, None, (access,)))
    run = Interleaving((text,), rows, (ClaimedOutcome(text),), 1)
    return trial_of(text, result([verdict(replace(EXCLUSIVE, kind=text, subjects=()), Outcome.VIOLATED, run)], text))


def said(text: str) -> Counter[str]:
    """What the picture of `drawn` says, each text as often as it stands there."""
    name = re.sub(r"^nmi\b", "NMI", clean(text))
    title = clean(f"{text}: {text}: violated; {text}; 1 switch, 1 event")
    turn, event, ending = f"{name} starts: runs {clean(text)}", f"1. {clean(text)} ➜ 1", f"=> {clean(text)}"
    return Counter([title, name, name, "memory", "memory", *map(clean, (turn, event, ending))])


def real() -> list[Trial]:
    return [*found(), trial_of_programs(programs(PREEMPTED, INTERRUPTED, SKIPPED))]


@pytest.fixture(scope="module")
def mermaid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Window]:
    """A window of a browser that has loaded Mermaid."""
    library = _mermaid()
    if library is None:
        pytest.skip("there is no Mermaid; npm install -g mermaid, or name its mermaid.min.js in CTXRACE_MERMAID")
    page = tmp_path_factory.mktemp("mermaid") / "page.html"
    page.write_text(f'<!doctype html><meta charset="utf-8"><body><script src="{library.as_uri()}"></script>')
    with chromium() as browser:
        window = Window(browser)
        window.open(page)
        yield window


def _mermaid() -> Path | None:
    npm, root = shutil.which("npm"), ""
    if npm:
        root = subprocess.run([npm, "root", "-g"], capture_output=True, text=True, check=False).stdout.strip()
    places = [os.environ.get("CTXRACE_MERMAID"), f"{root}/mermaid/dist/mermaid.min.js" if root else None]
    return next((Path(place).resolve() for place in places if place and Path(place).is_file()), None)


DRAW = """
const [text, id, done] = arguments;
mermaid.initialize({startOnLoad: false});
mermaid.render(id, text).then((drawn) => {
  document.body.innerHTML = drawn.svg;
  done([...document.querySelectorAll("text")].map((one) => one.textContent));
}, (error) => done(String(error)));
"""


def in_mermaid(window: Window, trials: Sequence[Trial]) -> list[Counter[str]]:
    pictures = []
    for number, block in enumerate(re.findall(r"```mermaid\n(.*?)\n```", render_mermaid(trials), re.DOTALL)):
        texts = window.browser.execute_async_script(DRAW, block, f"d{number}")
        assert isinstance(texts, list), f"{texts}\n{block}"
        pictures.append(Counter(texts))
    assert window.complaints() == []
    return pictures


def test_mermaid_draws_real_runs(mermaid: Window) -> None:
    pictures = in_mermaid(mermaid, real())
    assert len(pictures) == 5
    assert pictures[0]["=> body is active twice on one CPU"] == 1


def test_mermaid_shows_every_text_as_it_was_given(mermaid: Window) -> None:
    for text in TEXTS:
        assert in_mermaid(mermaid, [drawn(text)]) == [said(text)], text


def in_plantuml(trials: Sequence[Trial], folder: Path) -> list[Counter[str]]:
    program = shutil.which("plantuml")
    if program is None:
        pytest.skip("there is no plantuml; install Debian's package of this name, or another one")
    source = folder / "runs.txt"
    source.write_text(render_plantuml(trials), encoding="utf-8")
    words = [program, "-tsvg", "-charset", "UTF-8", str(source)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    return [_texts(file) for file in sorted(folder.glob("*.svg"))]


def _texts(file: Path) -> Counter[str]:
    texts = Xml.parse(file).getroot().iter("{http://www.w3.org/2000/svg}text")
    return Counter(re.sub(r"\s+", " ", "".join(text.itertext())).strip() for text in texts)


def test_plantuml_draws_real_runs(tmp_path: Path) -> None:
    pictures = in_plantuml(real(), tmp_path)
    assert len(pictures) == 5
    assert pictures[0]["=> body is active twice on one CPU"] == 1


def test_plantuml_shows_every_text_as_it_was_given(tmp_path: Path) -> None:
    pictures = in_plantuml(list(map(drawn, TEXTS)), tmp_path)
    assert len(pictures) == len(TEXTS)
    for text, picture in zip(TEXTS, pictures, strict=True):
        assert picture == said(text), text
