"""Alternatives: instructions that boot replaces on a CPU that has a feature.

Sources: Linux v6.12 arch/arm64/include/asm/alternative.h (`struct alt_instr`), arch/arm64/kernel/alternative.c
(`__apply_alternatives`, `get_alt_insn`), arch/arm64/include/asm/cpufeature.h (`struct arm64_cpu_capabilities`).
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ctxrace.core.errors import ImageError
from ctxrace.core.limits import spend
from ctxrace.kernel.image.vmlinux import READING_TABLES, Vmlinux

__all__ = ["ARM64_FEATURES", "Alternative", "arm64_alternatives", "arm64_capabilities", "arm64_patches"]

ARM64_FEATURES = {"lse": "LSE atomic instructions"}
"""What users call a CPU feature, and how the kernel describes it at boot."""

_ENTRY = struct.Struct("<iiHBB")
_CALLBACK = 0x8000  # of the capability: what replaces the code is computed by a function
_NOP = bytes.fromhex("1f2003d5")


@dataclass(frozen=True, slots=True)
class Alternative:
    """One entry of the table: `size` bytes at `code` become `replacement_size` bytes from `replacement`.

    capability: the number of the CPU feature that asks for it. callback: whether `replacement` is the function that
    makes the instructions.
    """

    code: int
    replacement: int
    capability: int
    callback: bool
    size: int
    replacement_size: int


def arm64_alternatives(kernel: Vmlinux) -> Iterator[Alternative]:
    """Return the entries of an arm64 kernel's table."""
    section = kernel.elf.section(".altinstructions")
    data = kernel.elf.contents(".altinstructions")
    for number, row in enumerate(_ENTRY.iter_unpack(data[: len(data) - len(data) % _ENTRY.size])):
        spend(READING_TABLES)
        assert section is not None
        at = section.address + number * _ENTRY.size
        code, replacement, capability, size, replacement_size = row
        callback = bool(capability & _CALLBACK)
        yield Alternative(
            at + code, at + 4 + replacement, capability & ~_CALLBACK, callback, size, replacement_size
        )


def arm64_capabilities(kernel: Vmlinux, size: int, description_at: int, number_at: int) -> dict[str, int]:
    """Return the numbers of CPU features by the kernel's own description of them.

    The numbers differ between builds (arch/arm64/tools/cpucaps). size: of a struct arm64_cpu_capabilities in bytes;
    description_at, number_at: the offsets of its members desc and capability.
    """
    table = kernel.elf.symbols.get("arm64_features")
    if table is None:
        raise ImageError(f"{kernel.path} has no arm64_features; its CPU features have no names")
    if not max(description_at + 8, number_at + 2) <= size:
        raise ImageError(f"{kernel.path} is damaged: a struct arm64_cpu_capabilities has {size} bytes; fetch it again")
    found: dict[str, int] = {}
    for at in range(table[0].address, table[0].address + table[0].size - size + 1, size):
        description = kernel.string(kernel.number(at + description_at, 8))
        if description:
            found.setdefault(description, kernel.number(at + number_at, 2))
    return found


def arm64_patches(kernel: Vmlinux, present: frozenset[int]) -> tuple[Mapping[int, bytes], Mapping[int, int]]:
    """Return what boot writes on a CPU whose features have the numbers `present`, and the sites that it computes.

    The first is the new instructions by address, the second the address of the function that computes instructions
    by the address of the site: those are refused where they are executed.
    """
    patches: dict[int, bytes] = {}
    computed: dict[int, int] = {}
    no_ops = {symbol.address for symbol in kernel.elf.symbols.get("alt_cb_patch_nops", ())}
    for entry in arm64_alternatives(kernel):
        if entry.capability not in present:
            continue
        if entry.callback and entry.replacement in no_ops:
            patches[entry.code] = _NOP * (entry.size // 4)
        elif entry.callback:
            computed.update(dict.fromkeys(range(entry.code, entry.code + entry.size, 4), entry.replacement))
        else:
            code = kernel.read(entry.replacement, entry.replacement_size)
            if code is None or entry.size != entry.replacement_size or entry.size % 4:
                raise ImageError(f"{kernel.path}: an alternative of {entry.code:#x} is damaged; fetch the file again")
            patches[entry.code] = _moved(code, entry)
    return patches, computed


def _moved(code: bytes, entry: Alternative) -> bytes:
    """Return replacement instructions as they are at the site: branches out of the replacement keep their target."""
    words = struct.unpack(f"<{len(code) // 4}I", code)
    moved = []
    for number, word in enumerate(words):
        here, there = entry.replacement + 4 * number, entry.code + 4 * number
        moved.append(_relocated(word, here, there, entry))
    return struct.pack(f"<{len(moved)}I", *moved)


_IMMEDIATE_BRANCHES = (
    (0x7C00_0000, 0x1400_0000, 0, 26),  # b, bl
    (0xFF00_0000, 0x5400_0000, 5, 19),  # b.cond, bc.cond
    (0x7E00_0000, 0x3400_0000, 5, 19),  # cbz, cbnz
    (0x7E00_0000, 0x3600_0000, 5, 14),  # tbz, tbnz
)


def _relocated(word: int, here: int, there: int, entry: Alternative) -> int:
    for mask, value, shift, width in _IMMEDIATE_BRANCHES:
        if word & mask == value:
            field = word >> shift & (1 << width) - 1
            offset = (field - (1 << width) if field >> width - 1 else field) * 4
            if 0 <= here + offset - entry.replacement < entry.replacement_size:
                return word  # within the replacement: it moves with it
            moved = (here + offset - there) // 4
            return word & ~((1 << width) - 1 << shift) | (moved & (1 << width) - 1) << shift
    if word & 0x1F00_0000 == 0x1000_0000:  # adr, adrp: relative to the place of the instruction
        raise ImageError(f"an alternative of {entry.code:#x} has an adr, which is not moved; leave that feature out")
    return word
