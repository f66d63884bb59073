"""arm64 with big-endian data, as Linux configures it with CONFIG_CPU_BIG_ENDIAN: only memory differs.

Instructions are little-endian all the same (Arm ARM, "Instruction endianness").
"""

from dataclasses import replace
from functools import partial

from ctxrace.machine.arch.arm64 import ARM64, TEMPORARIES, repair
from ctxrace.machine.pcode import SCRATCH, Varnode

__all__ = ["ARM64_BE"]

_UNALIGNED = (range(0x200, 0x210), TEMPORARIES)  # temporaries among the registers, of 4 and 8 bytes


def place(varnode: Varnode) -> Varnode:
    """Turn SLEIGH's register file of a big-endian CPU, where w0 is the last half of x0, into that of arm64."""
    space, offset, size = varnode
    if space == "register":
        first = offset & ~7
        block = next((unaligned for unaligned in _UNALIGNED if offset in unaligned), range(first, first + 8))
        inside = offset + size <= block.stop  # vectors are longer, and refused
        return Varnode(space, block.start + block.stop - offset - size, size) if inside else varnode
    if space == "unique":  # temporaries are of any size and read in parts: turned as a whole
        return Varnode(space, SCRATCH - offset - size, size)
    return varnode


ARM64_BE = replace(
    ARM64,
    name="arm64-be",
    language="AARCH64:BE:64:v8A",
    little_endian=False,
    targets={"zig": "aarch64_be-freestanding", "clang": "aarch64_be-linux-gnu"},
    gcc=("aarch64_be-linux-gnu-gcc", "aarch64-linux-gnu-gcc"),
    c_flags=(*ARM64.c_flags, "-mbig-endian"),
    repair=partial(repair, big_endian=True),
    place=place,
)
