"""Every command in the documentation prints what the page says, and every link leads somewhere."""

import difflib
import re
from pathlib import Path

import pytest

from .pages import blocks, carried_out, commands

ROOT = Path(__file__).parent.parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
_LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]*)(#[^)\s]*)?\)")


SLOW = ("docs/bpf-programs.md", "docs/ci.md", "docs/incomplete.md", "docs/python.md")
"""Pages whose commands take more than a few seconds."""


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, id=name(page), marks=[pytest.mark.slow] if name(page) in SLOW else [])
        for page in PAGES
        if any(block.language == "console" for block in blocks(page.read_text(encoding="utf-8")))
    ],
)
def test_a_page_prints_what_it_says(page: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    text = page.read_text(encoding="utf-8")
    now = carried_out(text, tmp_path)
    if request.config.getoption("--regenerate-golden"):
        page.write_text(now, encoding="utf-8")
    elif now != text:
        lines = difflib.unified_diff(text.splitlines(), now.splitlines(), name(page), "now", lineterm="")
        pytest.fail("\n".join(lines) + "\nif this is right: pytest tests/docs --regenerate-golden")


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_to_files_and_headings(page: Path) -> None:
    for target, heading in _LINK.findall(page.read_text(encoding="utf-8")):
        path = (page.parent / target).resolve() if target else page
        assert path.exists(), f"{name(page)} links to {target}"
        if heading and path.suffix == ".md":
            assert heading[1:] in headings(path.read_text(encoding="utf-8")), f"{name(page)} links to {target}{heading}"


def headings(text: str) -> set[str]:
    """The anchors that GitHub and MyST make of the headings of a page."""
    titles = re.findall(r"^#+ +(.+?)\s*$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


# That it would be noticed


def test_blocks_and_commands_are_found_as_they_stand() -> None:
    page = "```c a.c\nint a;\n```\ntext\n```console\n$ cat a.c\nint a;\n$ echo 'b\n> c'\nb\nc\n```\n"
    assert [(b.language, b.name) for b in blocks(page)] == [("c", "a.c"), ("console", "")]
    assert commands(list(blocks(page))[1].body) == [("cat a.c", "int a;\n"), ("echo 'b\nc'", "b\nc\n")]


def test_another_output_changes_the_page(tmp_path: Path) -> None:
    page = "```c a.c\nint a;\n```\n```console\n$ cat a.c\nint b;\n```\n"
    assert carried_out(page, tmp_path) == page.replace("int b;", "int a;")
