"""Every header stands alone, says what it stands for, and goes with all others in any order."""

import re
from pathlib import Path

import pytest

from ctxrace.kernel.program import INCLUDE

from .compile import COMPILERS, complaints

FOLDERS = ("linux", "linux/sched", "asm")
PAGES = sorted(path.relative_to(INCLUDE).as_posix() for name in FOLDERS for path in (INCLUDE / name).glob("*.h"))


@pytest.mark.parametrize("page", PAGES)
def test_each_says_what_it_stands_for(page: str) -> None:
    text = (INCLUDE / page).read_text(encoding="utf-8")
    comment = re.match(r"/\* SPDX-License-Identifier: Apache-2.0 \*/\n/\*\n(.*?)\*/\n", text, re.DOTALL)
    assert comment is not None
    assert re.match(r" \* Stands for( the instructions of)? Linux v\d\.\d+ (include|arch|kernel|lib)/\S+", comment[1])
    assert max(map(len, text.expandtabs(8).splitlines())) <= 130


@pytest.mark.parametrize("page", PAGES)
def test_each_stands_alone(tmp_path: Path, page: str) -> None:
    source = tmp_path / "alone.c"
    source.write_text(f"#include <{page}>\n#include <{page}>\nint nothing;\n", encoding="utf-8")
    assert complaints("arm64", "zig", "-O2", source) == ""


@pytest.mark.parametrize(("arch", "compiler"), COMPILERS)
def test_all_go_together_in_both_orders(tmp_path: Path, arch: str, compiler: str) -> None:
    for rt, pages in enumerate((PAGES, PAGES[::-1])):
        source = tmp_path / "all.c"
        source.write_text("".join(f"#include <{page}>\n" for page in pages) + "int nothing;\n", encoding="utf-8")
        assert complaints(arch, compiler, f"{COMPILERS[arch, compiler]} -DCTXRACE_PREEMPT_RT={rt}", source) == ""


def test_kernel_h_goes_with_all(tmp_path: Path) -> None:
    source = tmp_path / "all.c"
    for pages in (["ctxrace/kernel.h", *PAGES], [*PAGES, "ctxrace/kernel.h"]):
        source.write_text("".join(f"#include <{page}>\n" for page in pages) + "int nothing;\n", encoding="utf-8")
        assert complaints("arm64", "zig", "-O2", source) == ""
