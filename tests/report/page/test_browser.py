"""The page in Chromium, opened from disk: steps, links, narrow windows, light and dark, paper, screen readers."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from .browser import Window, chromium
from .cases import hostile, html, long_html, violated

WIDE_ELEMENTS = """
return [...document.querySelectorAll("body *")].filter((one) =>
  one.getBoundingClientRect().right > innerWidth && !one.closest(".wide, pre")).map((one) => one.outerHTML.slice(0, 90))
"""
CONTRAST = """
const luminance = (colour) => {
  const [r, g, b] = colour.match(/[\\d.]+/g).map(Number).map((part) => part / 255)
    .map((part) => (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const paper = (one) => {
  const colour = getComputedStyle(one).backgroundColor;
  return /, 0\\)$|transparent/.test(colour) && one.parentElement ? paper(one.parentElement) : colour;
};
return [...document.querySelectorAll("body *")].filter((one) => one.checkVisibility() &&
  [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim())).map((one) => {
    const [low, high] = [luminance(getComputedStyle(one).color), luminance(paper(one))].sort((a, b) => a - b);
    return [(high + 0.05) / (low + 0.05), one.className, one.textContent.trim().slice(0, 30)];
  }).filter(([ratio]) => ratio < 4.5);
"""


@pytest.fixture(scope="module")
def window() -> Iterator[Window]:
    with chromium() as browser:
        yield Window(browser)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("pages") / "a report's <name> %41 #1.html"
    file.write_text(html(violated()), encoding="utf-8")
    return file


def test_it_opens_from_disk_and_the_console_says_nothing(window: Window, page: Path) -> None:
    window.open(page)
    assert window.text("h1").startswith("guard.c: violated: exclusive(body)")
    assert window.text(".now") == "before the first of 6 events"
    assert window.complaints() == []
    resources = window.run("return performance.getEntriesByType('resource').map((one) => one.name)")
    assert resources == []


def test_keys_step_through_the_interleaving(window: Window, page: Path) -> None:
    window.open(page)
    for key in ("ArrowRight", "j", "ArrowRight"):
        window.press(key)
    assert window.text(".now") == "event 3 of 6: task A: strb w9, [x8]: active[0] 0 ➜ 1"
    assert window.text(".memory").splitlines() == ["shared memory", "active[0]\t1"]
    assert window.run("return location.hash") == "#i1-e3"
    assert window.run("return document.querySelector('[aria-current=step]').id") == "i1-e3"
    assert window.run("return document.querySelector('.contexts .changed').innerText").startswith("task A")
    window.press("k")
    assert window.text(".memory").splitlines() == ["shared memory", "active[0]\t0"]
    window.press("End")
    assert window.text(".now").startswith("event 6 of 6: task B: ")
    window.press("ArrowRight")
    assert window.text(".now").startswith("event 6 of 6: ")
    window.press("Home")
    assert window.text(".now") == "before the first of 6 events"
    assert window.complaints() == []


def test_buttons_and_the_slider_do_the_same(window: Window, page: Path) -> None:
    window.open(page)
    window.run("document.querySelectorAll('.story')[1].querySelector('.next').click()")
    assert window.run("return location.hash") == "#i2-e1"
    window.press("j")
    assert window.run("return location.hash") == "#i2-e2"
    window.run("const it = document.querySelector('input'); it.value = 5; it.dispatchEvent(new Event('input'))")
    assert window.run("return location.hash") == "#i1-e5"


def test_a_link_names_the_step(window: Window, page: Path) -> None:
    window.open(page, "#i2-e5")
    assert window.run("return document.querySelectorAll('.picked').length") == 1
    assert window.run("return document.querySelector('.picked').id") == "i2-e5"
    place = window.run("return document.querySelector('.picked').getBoundingClientRect().top")
    assert 0 <= place < 900
    window.run("location.hash = '#i1-e2'")
    window.browser.execute_async_script("setTimeout(arguments[0], 50)")
    assert window.text(".now").startswith("event 2 of 6: ")
    window.open(page, "#i9-e99")
    assert window.complaints() == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 800, 1280])
def test_it_can_be_read(window: Window, page: Path, width: int, scheme: str) -> None:
    window.open(page, "#i2-e3", width=width, color_scheme=scheme)
    assert window.run("return document.documentElement.scrollWidth <= innerWidth")
    assert window.run(WIDE_ELEMENTS) == []
    assert window.run(CONTRAST) == []
    paper = window.run("return getComputedStyle(document.documentElement).backgroundColor")
    assert paper == {"light": "rgb(255, 255, 255)", "dark": "rgb(21, 23, 26)"}[scheme]
    window.run("document.querySelector('.event .did').style.color = 'var(--line)'")
    assert len(window.run(CONTRAST)) == 1  # it would be noticed
    text = window.run("return parseFloat(getComputedStyle(document.querySelector('.i')).fontSize)")
    assert text >= 12


def test_the_step_is_not_hidden_below_the_panel_of_a_narrow_window(window: Window, page: Path) -> None:
    window.open(page, width=400)
    for _ in range(5):
        window.press("j")
    panel, row = window.run(
        "return ['.panel', '.picked'].map((each) => document.querySelector(each).getBoundingClientRect().toJSON())"
    )
    assert row["top"] >= panel["bottom"] and row["bottom"] <= 900


def test_paper_shows_every_step_and_no_controls(window: Window, page: Path) -> None:
    window.open(page, width=800, type="print")
    assert window.run("return [...document.querySelectorAll('.panel')].every((one) => !one.checkVisibility())")
    assert window.run("return [...document.querySelectorAll('.event')].every((one) => one.checkVisibility())")
    assert window.run(CONTRAST) == []


def test_a_screen_reader_finds_its_way(window: Window, page: Path) -> None:
    window.open(page, "#i1-e2")
    tree = window.browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    named = {(node["role"]["value"], node.get("name", {}).get("value", "")) for node in tree if not node.get("ignored")}
    assert ("main", "") in named
    assert ("table", "verdicts") in named
    assert ("article", "violated: exclusive(body) (3 switches, 6 events)") in named
    assert ("list", "events and switches, in order") in named
    assert ("button", "next event") in named and ("slider", "event") in named
    assert ("complementary", "one event at a time") in named
    assert [role for role, _ in named if role == "status"]
    unnamed = [role for role, name in named if role in ("button", "link", "slider", "table") and not name]
    assert unnamed == []


def test_hostile_names_are_text(window: Window, tmp_path: Path) -> None:
    file = tmp_path / "hostile.html"
    file.write_text(html(hostile()), encoding="utf-8")
    window.open(file, "#i1-e1", width=400)
    assert window.complaints() == []
    assert window.run("return document.querySelectorAll('img').length") == 0
    assert "alert(1)" in window.text(".now")
    assert window.run("return document.documentElement.scrollWidth <= innerWidth")


def test_the_page_allows_no_other_script(window: Window, tmp_path: Path) -> None:
    text = html(violated()).replace("</main>", "<script>document.title = 'changed'</script></main>")
    file = tmp_path / "changed.html"
    file.write_text(text, encoding="utf-8")
    window.open(file)
    assert window.run("return document.title") != "changed"
    assert re.search("Content Security Policy", " ".join(window.complaints()))


def test_folded_events_can_be_stepped_through(window: Window, tmp_path: Path) -> None:
    file = tmp_path / "long.html"
    file.write_text(long_html(20_000), encoding="utf-8")
    window.open(file, "#i1-e10000")
    assert window.text(".now").startswith("event 10000 of 20000: ")
    assert re.search(r"not drawn: events \d+ to \d+$", window.text(".picked .what"))
    window.press("j")
    assert window.text(".now").startswith("event 10001 of 20000: ")
    assert window.run("return document.querySelectorAll('.memory tr').length") == 24
    assert window.run("return document.querySelectorAll('.event').length") < 700
    assert window.complaints() == []


def test_folded_events_can_be_unfolded(window: Window, tmp_path: Path) -> None:
    file = tmp_path / "long.html"
    file.write_text(long_html(2_000), encoding="utf-8")
    window.open(file, "#i1-e600", width=400)
    before = window.run("return document.querySelectorAll('.event').length")
    window.run("document.querySelector('.unfold').click()")
    assert window.run("return document.querySelectorAll('.event').length") == before + 500
    assert window.run("return document.querySelector('.picked').id") == "i1-e600"
    row, told = window.run("return document.querySelector('.picked').innerText"), window.text(".now")
    who, instruction = re.fullmatch(r"event 600 of 2000: ([AB]): (strb [^:]*): .*", told).groups()  # type: ignore[union-attr]
    assert row.split()[0] == "600" and who in row and instruction in row
    assert window.run("return document.documentElement.scrollWidth <= innerWidth")
    left = window.run("return document.querySelectorAll('.unfold').length")
    while left:
        window.run("document.querySelector('.unfold').click()")
        left = window.run("return document.querySelectorAll('.unfold').length")
    numbers = window.run("return [...document.querySelectorAll('.event')].map((one) => Number(one.id.split('-e')[1]))")
    assert numbers == list(range(1, 2_001))
    window.press("j")
    assert window.run("return document.querySelector('.picked').id") == "i1-e601"
    assert window.run(CONTRAST) == []
    assert window.complaints() == []
