"""Suites: what files expect of themselves, one line for each, and the exit status."""

import os
import re
from pathlib import Path

import junitparser
import pytest
import yaml

from ..report.formats.ktap_reader import read_ktap
from .conftest import Run

RACY = """\
#include <ctxrace/kernel.h>
DEFINE_PER_CPU(int, active);
noinline void body(void) { barrier(); }
void attempt(void) { if (__this_cpu_inc_return(active) == 1) body(); __this_cpu_dec(active); }
CTXRACE_TASKS(2, attempt);
CTXRACE_EXCLUSIVE(body);
"""
KNOWN = RACY + "CTXRACE_EXPECT(exclusive(body), violated);\n"
SAFE = RACY.replace("__this_cpu", "this_cpu")


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / f"{name}_race.c").write_text(text)


def test_all_as_expected(run: Run, suite: Path) -> None:
    write(suite, known=KNOWN, safe=SAFE)
    (suite / "other.c").write_text("no C")
    told = "exclusive(body): violated, as expected; body is active twice on one CPU; 2 switches, 4 events"
    assert run("test", ".", "--jobs", "1") == (
        0, f"2 files: 2 as expected\nok         known_race.c: {told}\nok         safe_race.c: 1 property holds\n", ""
    )  # fmt: skip


def test_what_is_not_as_expected(run: Run, suite: Path) -> None:
    write(suite, broken="no C", mended=SAFE + "CTXRACE_EXPECT(exclusive, violated);\n", new=RACY)
    status, out, err = run("test", ".", "--jobs", "2")
    assert (status, err) == (1, "")
    first, broken, mended, again, new, _ = out.splitlines()
    assert first == "3 files: 0 as expected, 3 not"
    assert broken.startswith("not ok     broken_race.c: ")
    assert mended == "not ok     mended_race.c: exclusive(body): holds, and violated was expected"
    assert again.strip() == "ctxrace check mended_race.c"
    assert new.startswith("not ok     new_race.c: exclusive(body): violated; body is active twice")


def test_formats_and_statuses(run: Run, suite: Path) -> None:
    write(suite, known=KNOWN, broken="no C")
    status, out, _ = run("test", "known_race.c", "broken_race.c", "--format", "ktap", "--jobs", "1")
    known, broken = read_ktap(out)
    assert (status, known.ok, broken.ok, broken.directive) == (2, True, False, "ERROR")
    status, out, _ = run("test", "known_race.c", "--max-states", "3", "--jobs", "1")
    assert (status, out.splitlines()[0]) == (3, "1 file: 0 as expected, 1 not decided")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("CTXRACE_EXPECT(exlusive, violated);", "known_race.c:7 expects something of 'exlusive'; properties are: "),
        ("CTXRACE_EXPECT(check, incomplete);", "known_race.c:7 expects of check that it is 'incomplete'; write holds"),
        ("CTXRACE_EXPECT(check, holds);\nCTXRACE_EXPECT(check, holds);", "known_race.c:8 is a second expectation"),
    ],
)
def test_expectations_that_mean_nothing(run: Run, suite: Path, line: str, message: str) -> None:
    write(suite, known=f"{RACY}{line}\n")
    status, out, _ = run("test", ".", "--jobs", "1")
    assert status == 2 and message in out


def test_an_expectation_of_what_is_not_judged_is_not_met(run: Run, suite: Path) -> None:
    write(suite, known=KNOWN + "CTXRACE_EXPECT(balanced, holds);\n")
    status, out, _ = run("test", ".", "--jobs", "1")
    assert status == 3 and "balanced: incomplete; no such property was judged" in out


def test_an_expectation_of_hangs(run: Run, suite: Path) -> None:
    safe = SAFE + "CTXRACE_EXPECT(hang, holds);\n"
    write(suite, safe=safe)
    status, out, _ = run("test", ".", "--jobs", "1")
    assert (status, out) == (0, "1 file: 1 as expected\nok         safe_race.c: 2 properties hold\n")


def test_an_empty_directory(run: Run, suite: Path) -> None:
    del suite
    status, _, err = run("test", ".")
    assert (status, err) == (2, "ctxrace: the directory . has no file *_race.c; name files to test those\n")


def test_expectations_are_brought_up_to_what_was_found(run: Run, suite: Path) -> None:
    large = SAFE + "CTXRACE_BALANCED(active);\nCTXRACE_TASKS(6, attempt);\n"
    write(suite, new=RACY, known=KNOWN, broken="no C", open=large)
    before = {path.name: path.read_text() for path in suite.iterdir()}
    status, out, err = run("test", ".", "--update", "--max-states", "100", "--jobs", "1")
    assert (status, err) == (2, "ctxrace: updated new_race.c\n")  # as one is no C
    assert out.splitlines()[0] == "4 files: 2 as expected, 1 not, 1 not decided"
    after = {path.name: path.read_text() for path in suite.iterdir()}
    assert after == before | {"new_race.c": KNOWN}
    assert run("test", "new_race.c", "--update", "--jobs", "1")[::2] == (0, "")


def test_what_may_not_be_written_is_as_it_was(run: Run, suite: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(suite, new=RACY)
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write everything
    status, _, err = run("test", ".", "--update", "--jobs", "1")
    assert (status, err) == (74, "ctxrace: cannot update new_race.c: it may not be written; it is as it was\n")
    assert (suite / "new_race.c").read_text() == RACY


def test_junit_is_written_besides(run: Run, suite: Path) -> None:
    write(suite, known=KNOWN)
    status, out, _ = run("test", ".", "--junit", "found.xml", "--jobs", "1")
    assert (status, out.splitlines()[0]) == (0, "1 file: 1 as expected")
    assert junitparser.JUnitXml.fromfile(str(suite / "found.xml")).tests == 1
    assert run("test", ".", "--junit", ".")[2] == "ctxrace: --junit . is a directory; name a file\n"


def test_the_hook_for_pre_commit_is_a_command(run: Run, suite: Path) -> None:
    """https://pre-commit.com/#creating-new-hooks: the names of files that match are added to the entry."""
    (hook,) = yaml.safe_load((Path(__file__).parent.parent.parent / ".pre-commit-hooks.yaml").read_text())
    assert {"id", "name", "entry", "language", "files"} <= set(hook)
    assert re.search(hook["files"], "tests/known_race.c") and not re.search(hook["files"], "known.c")
    write(suite, known=KNOWN)
    program, *words = hook["entry"].split()
    assert (program, run(*words, "known_race.c")[0]) == ("ctxrace", 0)
