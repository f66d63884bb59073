"""The C headers compile for x86-64 without a warning; what the instructions do is held against Unicorn elsewhere."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ctxrace.kernel.program import INCLUDE
from ctxrace.machine.arch.x86_64 import X86_64

CASES = Path(__file__).with_name("header_cases.c")
ZIG = [sys.executable, "-m", "ziglang", "cc", "-target", "x86_64-freestanding", "-fno-sanitize=all"]
COMPILERS = {"zig": ZIG, "clang": ["clang", "--target=x86_64-linux-gnu"], "gcc": ["x86_64-linux-gnu-gcc"]}
FLAGS = ["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-ffreestanding", "-fno-pic", *X86_64.c_flags]


def complaints(name: str, source: Path, tmp_path: Path, *flags: str) -> str:
    command = COMPILERS[name]
    if shutil.which(command[0]) is None:
        pytest.skip(f"no {command[0]} here")
    wanted = [*command, *FLAGS, *flags, f"-I{INCLUDE}", "-c", str(source), "-o", str(tmp_path / "out.o")]
    return subprocess.run(wanted, capture_output=True, text=True, check=False).stderr


@pytest.mark.parametrize("name", COMPILERS)
@pytest.mark.parametrize("level", ["-O0", "-O1", "-O2", "-O3", "-Os"])
def test_every_operation_compiles(name: str, level: str, tmp_path: Path) -> None:
    assert complaints(name, CASES, tmp_path, level) == ""


@pytest.mark.parametrize("header", sorted(path.name for path in (INCLUDE / "ctxrace").glob("*.h")))
def test_each_header_stands_alone(header: str, tmp_path: Path) -> None:
    source = tmp_path / "alone.c"
    source.write_text(f"#include <ctxrace/{header}>\n#include <ctxrace/{header}>\n")
    assert complaints("clang", source, tmp_path) == ""
