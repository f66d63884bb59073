"""The claim that ``ctxrace replay`` reads: from files, and from nothing that would not end."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ctxrace.cli.claim import replay_claim
from ctxrace.cli.output import Output
from ctxrace.core.errors import ScenarioError
from ctxrace.explore.search import Limits

SOURCE = "#include <ctxrace/kernel.h>\nint x;\nvoid task(void) { x++; }\nCTXRACE_TASKS(2, task);\n"


def read(file: str) -> int:
    return replay_claim(file, None, Limits(), "", mail=False, trust=False, output=Output(json=True))


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for file in (tmp_path, tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(ScenarioError, match=re.escape(f"cannot read the claim {file}: it is no regular file; to")):
            read(str(file))
    with pytest.raises(ScenarioError, match="gone: No such file or directory; to replay a schedule, add --schedule"):
        read(str(tmp_path / "gone"))


def test_what_is_no_text_is_refused_by_its_line(tmp_path: Path) -> None:
    (tmp_path / "claim").write_bytes(b"system x.c\n# \xc3\xa9\n1. \xff\n")
    with pytest.raises(ScenarioError, match=r"claim: line 3 is no UTF-8 text; to replay"):
        read(str(tmp_path / "claim"))


def test_a_byte_order_mark_is_passed_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.c").write_text(SOURCE)
    (tmp_path / "claim").write_bytes(b"\xef\xbb\xbfsystem x.c\r\n1. A: x 0 -> 1\r\n")
    assert read(str(tmp_path / "claim")) == 0
    assert '"answer": "confirmed"' in capsys.readouterr().out


def test_standard_input_is_read(tmp_path: Path) -> None:
    (tmp_path / "x.c").write_text(SOURCE)
    claim = "system x.c\n1. A: x 0 -> 1\n"
    words = [sys.executable, "-m", "ctxrace", "replay", "/dev/stdin"]
    done = subprocess.run(words, input=claim, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("/dev/stdin: confirmed")
