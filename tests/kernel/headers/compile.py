"""Compile a C file as ctxrace does, with every warning an error."""

import shutil
import subprocess
from pathlib import Path

import pytest

from ctxrace.kernel.program import INCLUDE
from ctxrace.machine.arch import architecture
from ctxrace.machine.toolchain import FLAGS, find_compiler

__all__ = ["COMPILERS", "complaints", "object_file"]

STRICT = ("-Wall", "-Wextra", "-Werror", "-Wno-unused-but-set-variable", f"-I{INCLUDE}")

COMPILERS = {
    ("arm64", "zig"): "-O2 -DCTXRACE_LSE=0",
    ("arm64", "clang"): "-O0 -DCTXRACE_LSE=1",
    ("arm64", "aarch64-linux-gnu-gcc"): "-Os",
    ("arm64-be", "zig"): "-O1",
    ("arm64-be", "aarch64-linux-gnu-gcc"): "-O3",
    ("riscv64", "zig"): "-O2",
    ("riscv64", "clang"): "-Os -march=rv64imac -Qunused-arguments",
    ("riscv64", "riscv64-linux-gnu-gcc"): "-O1",
    ("x86-64", "zig"): "-O0",
    ("x86-64", "clang"): "-O3",
    ("x86-64", "x86_64-linux-gnu-gcc"): "-O2",
}
"""Every architecture with every kind of compiler, and the flags that each is tried with: every level is among them."""


def object_file(source: Path) -> Path:
    """Return where `complaints` puts what it compiles."""
    return source.with_suffix(".o")


def complaints(arch: str, compiler: str, flags: str, source: Path) -> str:
    """Return what a compiler says of a C file, or skip the test where there is no such compiler."""
    if compiler != "zig" and shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    target = architecture(arch)
    found = find_compiler(None if compiler == "zig" else compiler, target, cache=source.parent)
    command = [*found.command, *FLAGS, *target.c_flags, *STRICT, *flags.split()]
    wanted = [*command, "-c", str(source), "-o", str(object_file(source))]
    return subprocess.run(wanted, capture_output=True, text=True, check=False).stderr
