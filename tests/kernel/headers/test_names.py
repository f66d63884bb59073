"""Every common name of kernel code compiles with the headers that a kernel file includes for it, and nothing more."""

from pathlib import Path

import pytest

from .compile import COMPILERS, complaints
from .names import NAMES, Name, all_in_one, program

AS_MANY_AS_KERNEL_CODE_COMMONLY_USES = 104


def test_there_are_enough() -> None:
    assert len({name.name for name in NAMES}) == len(NAMES) >= AS_MANY_AS_KERNEL_CODE_COMMONLY_USES


@pytest.mark.parametrize("name", NAMES, ids=lambda name: name.name)
def test_each_compiles_alone(tmp_path: Path, name: Name) -> None:
    source = tmp_path / "alone.c"
    source.write_text(program(name), encoding="utf-8")
    assert complaints("arm64", "zig", "-O2", source) == ""


@pytest.mark.parametrize(("arch", "compiler"), COMPILERS)
@pytest.mark.parametrize("rt", [0, 1])
def test_all_compile_everywhere(tmp_path: Path, arch: str, compiler: str, rt: int) -> None:
    source = tmp_path / "all.c"
    source.write_text(all_in_one(NAMES), encoding="utf-8")
    assert complaints(arch, compiler, f"{COMPILERS[arch, compiler]} -DCTXRACE_PREEMPT_RT={rt}", source) == ""
