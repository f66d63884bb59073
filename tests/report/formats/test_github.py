"""Annotations: a golden file, and a runner that takes them apart finds what was found."""

import re
from collections.abc import Callable
from urllib.parse import unquote

from ctxrace.report.formats.github import render_github

from .cases import found, hostile

_COMMAND = re.compile(r"::(?P<level>\w+) (?P<facts>[^:]*)::(?P<text>.*)")


def commands(text: str) -> list[tuple[str, dict[str, str], str]]:
    """What a runner reads: of each line that is a command, its level, its properties and its text."""
    read = [command for line in text.splitlines() if (command := _COMMAND.fullmatch(line))]
    return [
        (one["level"], dict(unquote(pair).split("=", 1) for pair in one["facts"].split(",")), unquote(one["text"]))
        for one in read
    ]


def test_golden(golden: Callable[[str, str], None]) -> None:
    golden("github.txt", render_github(found()))


def test_a_runner_finds_what_is_wrong() -> None:
    text = render_github(found())
    read = commands(text)
    assert [(level, facts) for level, facts, _ in read] == [
        ("error", {"file": "guard.c", "line": "24", "title": "guard.c: exclusive(body)"}),
        ("warning", {"title": "guard.c: recovers(attempt, body)"}),
        ("error", {"file": "mended.c", "line": "7", "title": "mended.c: exclusive(body)"}),
        ("error", {"title": "broken.c"}),
        ("warning", {"title": "late.c"}),
        ("warning", {"title": "empty.c"}),
    ]
    assert read[0][2].startswith("exclusive(body): violated; body is active twice on one CPU; 3 switches, 6 events\n\n")
    assert text.splitlines()[-1] == "ctxrace: 9 checks, 2 not as expected, 4 not decided"


def test_hostile_names_make_no_command() -> None:
    text = render_github(hostile())
    assert len(text.splitlines()) == 3 and text.replace("\n", "").isprintable()
    (first, second) = commands(text)
    assert first[0] == "error" and first[1]["title"] == "a #1 <script>&\"'%0A::error,x�[31m ��.c: exclusive(body)"
    assert second[0] == "error" and second[1] == {"title": "a #1 <script>&\"'%0A::error,x�[31m ��.c"}
