"""A claim is data: its system line runs nothing, writes nothing, and reads nothing outside of its directory."""

from dataclasses import replace
from pathlib import Path

import pytest

from ctxrace.claims.parse import parse_claim
from ctxrace.claims.system_line import load_system, options_of
from ctxrace.cli.main import main
from ctxrace.core.errors import CtxraceError, ScenarioError

SOURCE = """#include <ctxrace/kernel.h>
int x;
void task(void) { WRITE_ONCE(x, 1); }
CTXRACE_TASKS(1, task);
"""


@pytest.mark.parametrize(
    "options",
    [
        "cc ./compiler",
        "cc /bin/sh",
        "cc sh -c id",
        "cc gcc -wrapper id",
        "-fplugin=./evil.so",
        "-wrapper id",
        "-B.",
        "--config=x",
        "-specs=x",
        "-save-temps",
        "-o/etc/x",
        "-I..",
        "-include /etc/passwd",
        "-MF/etc/x",
        "-Xclang -load",
    ],
)
def test_compilers_and_flags_that_are_refused(tmp_path: Path, options: str) -> None:
    claim = parse_claim(f"system guard.c, {options}\n1. A starts", str(tmp_path / "claim.txt"))
    with pytest.raises(ScenarioError, match=r"a claim may, which is data and not a program: .*pass trust$"):
        options_of(claim)
    trusted = options_of(replace(claim, trusted=True)).build
    assert trusted.cc is not None or trusted.flags


@pytest.mark.parametrize("options", ["cc clang", "cc aarch64-linux-gnu-gcc", "-O3", "-DNAME=1", "-fno-inline", "-g"])
def test_compilers_and_flags_that_are_not(tmp_path: Path, options: str) -> None:
    options_of(parse_claim(f"system guard.c, {options}\n1. A starts", str(tmp_path / "claim.txt")))


def test_the_file_lies_in_the_directory_of_the_claim(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (tmp_path / "guard.c").write_text(SOURCE)
    (inside / "link.c").symlink_to(tmp_path / "guard.c")
    for name in ("../guard.c", str(tmp_path / "guard.c"), "link.c"):
        claim = parse_claim(f"system {name}\n1. A starts", str(inside / "claim.txt"))
        with pytest.raises(ScenarioError, match="is outside of its directory"):
            load_system(claim)
        assert load_system(replace(claim, trusted=True))[0].image.symbols["task"].kind == "function"
    with pytest.raises(CtxraceError, match="no file"):
        load_system(parse_claim("system missing.c\n1. A starts", str(inside / "claim.txt")))


def test_what_to_type(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "guard.c").write_text(SOURCE)
    path = tmp_path / "claim.txt"
    path.write_text("system guard.c, -save-temps=obj\n1. A: x 0 -> 1")
    with pytest.raises(SystemExit) as ended:
        main(["replay", str(path)])
    assert ended.value.code == 2
    assert capsys.readouterr().err.endswith("if you trust its author, pass --trust\n")
