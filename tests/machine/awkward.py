"""What is done on every architecture with its awkward cases: assemble them, and run them beside a CPU emulator.

A case is one instruction, or several with `;` between.
"""

import random
import shutil
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from ctxrace.core.errors import ExecutionError
from ctxrace.machine.arch.architecture import Architecture
from ctxrace.machine.image import load_image
from ctxrace.machine.toolchain import compile_c, find_compiler

__all__ = ["ROOM", "Assemble", "assembled", "compilers", "disagreements"]

ROOM = 32  # bytes for each case

Assemble = Callable[[list[str]], bytes]


def assembled(cases: Iterable[str], arch: Architecture, cache: Path, *, header: str = ".text", fill: str = "") -> bytes:
    """Assemble `cases` with zig's clang to where code of `arch` stands, `ROOM` bytes for each.

    fill: what is written after `.balign ROOM`, to say what stands in the rest of the room.
    """
    room = f".balign {ROOM}{fill}"
    source = cache / "cases.s"
    source.write_text("\n".join([header, *(f"{room}\n{case}" for case in cases), room]) + "\n")
    script = f"SECTIONS {{ . = {arch.text:#x}; .text : {{ *(.text) }} }}"
    compiler = find_compiler(None, arch, cache=cache)
    build = compile_c(source, arch=arch, compiler=compiler, linker_script=script, cache=cache)
    text = load_image(build.path, arch).section(".text")
    assert text is not None
    return text.data


def disagreements(cases: Iterable[str], states: int, run: Callable[[int, int, random.Random], str]) -> list[str]:
    """Run each case from so many random states; return how the first one that differs does, for each case.

    run: runs a case, given its offset, its number of instructions, and where its random state comes from.
    """
    wrong = []
    for index, case in enumerate(cases):
        rng = random.Random(zlib.crc32(case.encode()))
        for _ in range(states):
            try:
                difference = run(index * ROOM, case.count(";") + 1, rng)
            except ExecutionError as error:
                difference = str(error)
            if difference:
                wrong.append(f"{case}: {difference}")
                break
    return wrong


def compilers(arch: Architecture) -> list[object]:
    """Return the values of a parameter `cc`: zig's clang, and what there may be besides."""
    return [
        None,
        *(
            pytest.param(name, marks=pytest.mark.skipif(not shutil.which(name), reason=f"no {name} in PATH"))
            for name in ("clang", *arch.gcc)
        ),
    ]
