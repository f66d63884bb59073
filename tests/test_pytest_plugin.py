"""The pytest plugin: a file is a test, and a failure shows the report. In a pytest of its own, as others run it."""

import subprocess
import sys
from pathlib import Path

import pytest

from .cli.test_test import KNOWN, RACY, SAFE


def run(folder: Path, *words: str) -> str:
    command = [sys.executable, "-m", "pytest", "-p", "ctxrace.pytest_plugin", "-p", "no:cacheprovider", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False).stdout


@pytest.mark.slow
def test_files_are_tests(tmp_path: Path) -> None:
    for name, text in {"known": KNOWN, "new": RACY, "safe": SAFE, "broken": "no C"}.items():
        (tmp_path / f"{name}_race.c").write_text(text)
    (tmp_path / "other.c").write_text("no C")
    (tmp_path / "test_other.py").write_text("def test_other() -> None:\n    pass\n")
    out = run(tmp_path, "-v", "-rN")
    assert "known_race.c::race PASSED" in out and "safe_race.c::race PASSED" in out
    assert "2 failed, 3 passed" in out
    assert "broken_race.c: " in out and "does not compile" in out
    assert "=> body is active twice on one CPU" in out and "Traceback" not in out


@pytest.mark.slow
def test_settings_are_those_of_checks(tmp_path: Path) -> None:
    (tmp_path / "safe_race.c").write_text(SAFE)
    (tmp_path / "pytest.ini").write_text("[pytest]\nctxrace_arch = x86-64\nctxrace_max_states = 3\n")
    out = run(tmp_path)
    assert "1 failed" in out and "x86-64" in out and "the limit of 3 states is reached" in out
