"""Reports for machines on the command line, and files that hold them: whole, or as they were."""

import errno
import json
import os
import re
from pathlib import Path
from typing import NoReturn

import pytest

from .conftest import Run

GUARD = Path(__file__).parent.parent.parent / "examples" / "recursion_counter.c"
SAFE = GUARD.with_name("atomic_counter.c")


@pytest.mark.parametrize(
    ("format", "first"),
    [
        ("text", ""),
        ("ktap", "KTAP version 1\n"),
        ("junit", "<?xml "),
        ("sarif", '{\n  "$schema": '),
        ("mermaid", "nothing is violated"),
        ("plantuml", "' nothing is violated"),
        ("github", "ctxrace: 2 checks, 0 not as expected, 0 not decided\n"),
    ],
)
def test_each_format(run: Run, format: str, first: str) -> None:
    status, out, err = run("check", SAFE, "--format", format)
    assert (status, out.startswith(first), err) == (0, True, "")


def test_guards_in_one_report(run: Run) -> None:
    status, out, _ = run("bpf", "--guard", "arm64-v1", "--guard", "arm64-merged", "--format", "ktap", "--jobs", "1")
    assert status == 1
    tests = [line.partition(" # ")[0] for line in out.splitlines() if line.startswith(("ok", "not ok"))]
    assert tests == [
        "ok 1 ctxrace bpf --guard arm64-v1 --preemption none",
        "not ok 2 ctxrace bpf --guard arm64-v1 --preemption full",
        "ok 3 ctxrace bpf --guard arm64-merged --preemption none",
        "ok 4 ctxrace bpf --guard arm64-merged --preemption full",
    ]


def test_the_command_in_a_report_is_printed_without_its_format(run: Run, tmp_path: Path) -> None:
    status, out, err = run("check", GUARD, "--format=sarif", "--output", tmp_path / "report")
    assert (status, out, err) == (1, "", "")
    (log,) = json.loads((tmp_path / "report").read_text())["runs"]
    assert log["results"][0]["properties"]["command"] == f"ctxrace check {GUARD}"


@pytest.mark.parametrize("words", [[], ["--json"], ["--mail"], ["--quiet"], ["--format", "junit"]])
def test_a_file_holds_what_would_be_printed(run: Run, tmp_path: Path, words: list[str]) -> None:
    def timeless(text: str) -> str:
        return re.sub(r'("seconds": |time=")[\d.]+', "", text)

    file = tmp_path / "report with 'blanks'"
    printed = run("check", SAFE, *words)[1]
    assert run("check", SAFE, *words, "--output", file) == (0, "", "")
    assert timeless(file.read_text()) == timeless(printed)
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--format", "html"], "--format html is none of text, ktap, junit, sarif, github, mermaid, plantuml"),
        (["--format", "ktap", "--json"], "--format ktap and JSON are two formats; leave one of them out"),
        (["--format", "ktap", "--mail"], "--mail is a form of its own; leave out --json and --format"),
        (["--output", "."], "--output . is a directory; name a file"),
        (["--output", "no/report"], "--output no/report: there is no directory no; make it first"),
    ],
)
def test_what_cannot_be(run: Run, words: list[str], message: str) -> None:
    status, out, err = run("check", SAFE, *words)
    assert (status, err) == (2, f"ctxrace: {message}\n")
    assert "--json" in words or out == ""


def test_a_report_is_never_destroyed(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "report"
    file.write_text("old")

    def full(*_: object) -> NoReturn:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    status, out, err = run("check", SAFE, "--output", file)
    assert (status, out) == (74, "")
    assert err == f"ctxrace: cannot write the report to {file}: No space left on device; what was there is as it was\n"
    assert (file.read_text(), list(tmp_path.iterdir())) == ("old", [file])


def test_a_file_keeps_its_permissions_and_a_link_stays_one(run: Run, tmp_path: Path) -> None:
    file, link = tmp_path / "report", tmp_path / "link"
    file.write_text("old")
    file.chmod(0o640)
    link.symlink_to(file)
    assert run("check", SAFE, "--output", link)[0] == 0
    assert link.is_symlink() and file.stat().st_mode & 0o777 == 0o640
    assert ": holds: exclusive, balanced" in file.read_text()
    assert run("check", SAFE, "--output", os.devnull) == (0, "", "")
