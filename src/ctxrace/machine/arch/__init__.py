"""Architectures: one file each, found by name.

Start with `architecture`, which says what must be known about one; `arm64` is the fullest example, and its `repair`
mends p-code that differs from the manual. A new architecture is a file like it, an entry in `ARCHITECTURES`, and a
test that holds its instructions against an emulator.
It imports `core`, and of `machine` only `pcode`.
"""

from ctxrace.core.errors import ScenarioError
from ctxrace.machine.arch.architecture import Architecture
from ctxrace.machine.arch.arm64 import ARM64
from ctxrace.machine.arch.arm64_be import ARM64_BE
from ctxrace.machine.arch.riscv64 import RISCV64
from ctxrace.machine.arch.x86_64 import X86_64

__all__ = ["ARCHITECTURES", "Architecture", "architecture"]

ARCHITECTURES: dict[str, Architecture] = {arch.name: arch for arch in (ARM64, ARM64_BE, RISCV64, X86_64)}


def architecture(name: str) -> Architecture:
    """Return the architecture called `name`; raise `ScenarioError` that lists those that exist."""
    try:
        return ARCHITECTURES[name]
    except KeyError:
        known = ", ".join(ARCHITECTURES)
        raise ScenarioError(f"unknown architecture {name!r}; ctxrace has: {known}") from None
