"""How the tests of toolchains and images link: as a kernel is, with each compiler that there is."""

import shutil

import pytest

from ctxrace.machine.arch.arm64 import ARM64

__all__ = ["COMPILERS", "SCRIPT"]

SCRIPT = """SECTIONS { . = 0xffff800080000000; .text : { *(.text .text.*) }
.rodata : ALIGN(4096) { *(.rodata .rodata.*) } .ctxrace 0 (INFO) : { KEEP(*(.ctxrace)) }
.data ALIGN(4096) : { *(.data .data.[!.]*) } .bss : { *(.bss .bss.* COMMON) }
.data..percpu ALIGN(4096) : { *(.data..percpu .data..percpu..*) }
/DISCARD/ : { *(.comment .note.* .ctxrace.refs) } }"""
COMPILERS = [
    None,
    pytest.param("clang", marks=pytest.mark.skipif(not shutil.which("clang"), reason="no clang in PATH")),
    pytest.param(
        ARM64.gcc[0], marks=pytest.mark.skipif(not shutil.which(ARM64.gcc[0]), reason=f"no {ARM64.gcc[0]} in PATH")
    ),
]
