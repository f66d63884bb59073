"""The manual page: every verb and every option that --help shows, in what man reads without a warning."""

import re
import shutil
import subprocess

import pytest

from ctxrace.cli.man import manual
from ctxrace.cli.status import MEANINGS

from .conftest import Run

PAGE = manual()


@pytest.mark.parametrize("words", [[], ["check"], ["replay"], ["show"], ["bpf"], ["bpf", "models"], ["bpf", "claims"]])
def test_whatever_help_shows_is_in_the_manual(run: Run, words: list[str]) -> None:
    plain = PAGE.replace("\\-", "-")
    assert " ".join(["ctxrace", *words]) in plain
    options = re.findall(r"^  (--?[a-zA-Z][\w-]*)", run(*words, "--help")[1], re.MULTILINE)
    assert options
    assert [option for option in options if f".B {option}" not in plain] == []


def test_every_exit_status_is_in_the_manual() -> None:
    section = PAGE.partition(".SH EXIT STATUS\n")[2].replace("\\(aq", "'").replace("\\-", "-")
    assert dict(re.findall(r"^\.B (\d+)\n(.*)$", section, re.MULTILINE)) == {
        str(status.value): meaning for status, meaning in MEANINGS.items()
    }


def test_no_line_is_a_request_by_accident() -> None:
    assert {line.split()[0] for line in PAGE.splitlines() if line.startswith((".", "'"))} == {
        ".TH", ".SH", ".SS", ".B", ".br", ".PP", ".TP",
    }  # fmt: skip


@pytest.mark.skipif(shutil.which("groff") is None, reason="no groff here")
def test_groff_has_nothing_to_say() -> None:
    done = subprocess.run(["groff", "-man", "-Tascii", "-ww"], input=PAGE, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert "nobody reads the report" in done.stdout
