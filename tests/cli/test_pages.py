"""--html and --svg: what they write, and that a file which was there is never destroyed."""

import errno
import os
import re
from pathlib import Path
from typing import NoReturn
from xml.etree import ElementTree

import pytest

from .conftest import Run

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
COUNTER = EXAMPLES / "recursion_counter.c"
SAFE = EXAMPLES / "atomic_counter.c"


def answer(page: Path) -> str:
    text = page.read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>\n") and text.endswith("</html>\n")
    return text.partition("<title>")[2].partition("</title>")[0]


def test_a_page_and_a_picture_are_written_besides(run: Run, tmp_path: Path) -> None:
    page, picture = tmp_path / "a 'b' <c>.html", tmp_path / "lanes.svg"
    words = ("check", COUNTER, "--property", "exclusive")
    plain = run(*words)
    assert run(*words, "--html", page, "--svg", picture) == plain
    assert answer(page) == f"{COUNTER}: violated: exclusive(body)"
    assert f"again: <code>ctxrace check {COUNTER} --property exclusive</code>" in page.read_text(encoding="utf-8")
    assert ElementTree.parse(picture).getroot().tag == "{http://www.w3.org/2000/svg}svg"
    json = run(*words, "--json", "--html", page)
    assert json[1].startswith("{") and answer(page)
    assert sorted(tmp_path.iterdir()) == [page, picture]


def test_nothing_is_drawn_where_nothing_is_violated(run: Run, tmp_path: Path) -> None:
    page, picture = tmp_path / "page.html", tmp_path / "lanes.svg"
    picture.write_text("old")
    status, _, err = run("check", SAFE, "--html", page, "--svg", picture)
    assert (status, picture.read_text()) == (0, "old")
    assert err == f"ctxrace: there is no interleaving, so that nothing is drawn to {picture}\n"
    assert answer(page).startswith(f"{SAFE}: holds: exclusive(body), balanced(active)")


@pytest.mark.parametrize("flags", [(), ("--json",), ("--mail",)])
def test_a_replayed_schedule(run: Run, tmp_path: Path, flags: tuple[str, ...]) -> None:
    page = tmp_path / "page.html"
    out = run("check", COUNTER, "--property", "exclusive")[1]
    schedule = out.partition("--schedule '")[2].partition("'")[0]
    words = ("replay", COUNTER, "--property", "exclusive", "--schedule", schedule)
    plain = run(*words, *flags)
    assert run(*words, *flags, "--html", page, "--svg", tmp_path / "lanes.svg") == plain
    assert answer(page) == f"{COUNTER}: violated: exclusive(body) (2 switches, 4 events)"


def test_a_claim(run: Run, tmp_path: Path) -> None:
    page, claim = tmp_path / "page.html", EXAMPLES / "claims" / "bot.txt"
    status, _, err = run("replay", claim, "--html", page, "--svg", tmp_path / "lanes.svg")
    assert (status, err) == (1, "")
    assert answer(page).startswith(f"{claim}: impossible at step 7")


def test_guards(run: Run, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    words = ("bpf", "--guard", "arm64-v1", "--guard", "arm64-merged", "--jobs", "1")
    assert run(*words, "--html", page, "--quiet")[0] == 1
    assert answer(page) == "4 violated, 1 incomplete of 20 verdicts; everything holds for arm64-merged"
    assert page.stat().st_size < 500_000


@pytest.mark.slow
def test_models(run: Run, tmp_path: Path) -> None:
    page, picture = tmp_path / "page.html", tmp_path / "lanes.svg"
    words = ("bpf", "models", "--guard", "plain-int", "--jobs", "1")
    status, _, err = run(*words, "--html", page, "--svg", picture, "--quiet")
    assert (status, err) == (1, "")
    assert re.fullmatch(r"\d+ violated, \d+ incomplete of \d+ verdicts; .*", answer(page))
    assert page.read_text(encoding="utf-8").count('<article class="story"') > 1
    assert picture.read_text(encoding="utf-8").startswith("<svg ")


@pytest.mark.slow
def test_the_whole_flagship_is_a_small_page(run: Run, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    assert run("bpf", "--html", page)[0] == 1
    assert 100_000 < page.stat().st_size < 500_000


@pytest.mark.parametrize("option", ["--html", "--svg"])
def test_a_file_is_never_destroyed(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: str) -> None:
    file = tmp_path / "report"
    file.write_text("old")

    def full(*_: object) -> NoReturn:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    status, out, err = run("check", COUNTER, "--property", "exclusive", option, file)
    assert (status, out.splitlines()[0]) == (74, f"{COUNTER}: violated: exclusive(body)")
    assert err == f"ctxrace: cannot write the report to {file}: No space left on device; what was there is as it was\n"
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--html", "."], "--html . is a directory; name a file"),
        (["--svg", "no/lanes.svg"], "--svg no/lanes.svg: there is no directory no; make it first"),
        (["--html", "a", "--svg", "./a"], "two of --output, --html and --svg name the file ./a; give each its own"),
        (["--output", "a", "--html", "a"], "two of --output, --html and --svg name the file a; give each its own"),
        (["--html", "n" * 300], f"--html {'n' * 300}: File name too long"),
    ],
)
def test_what_cannot_be_written_is_said_first(run: Run, words: list[str], message: str) -> None:
    assert run("check", SAFE, *words) == (2, "", f"ctxrace: {message}\n")


def test_coverage_stands_below_the_report_in_a_file(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "report"
    printed = run("check", SAFE, "--coverage")[1]
    assert run("check", SAFE, "--coverage", "--output", file) == (0, "", "")
    assert file.read_text(encoding="utf-8") == printed
    assert "\ncoverage: how many" in printed and "atomic_counter.c: holds: " in printed.splitlines()[0]
