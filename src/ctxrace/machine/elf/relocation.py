"""What a loader does to a position-independent executable before it runs: addresses are filled in.

Kernels are such executables where their addresses are randomised, and compilers make them by default.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ctxrace.core.errors import ImageError
from ctxrace.core.limits import spend
from ctxrace.machine.arch.architecture import Architecture
from ctxrace.machine.elf.sections import Section

if TYPE_CHECKING:
    from elftools.elf.elffile import ELFFile
    from elftools.elf.relocation import RelocationSection

__all__ = ["load_bias", "relocated"]

LOWEST = 0x1_0000
"""Nothing may lie below: there a NULL pointer and its members point to."""


class _Fixup(NamedTuple):
    address: int
    value: int | None  # None: what is in memory, moved by the bias


def load_bias(sections: Sequence[Section], arch: Architecture) -> int:
    """Return by how much an executable is moved: to where kernel code is, if it is linked to where NULL points."""
    return arch.text if any(section.data and section.address < LOWEST for section in sections) else 0


def relocated(
    elf: "ELFFile", sections: Sequence[Section], arch: Architecture, bias: int, path: Path
) -> tuple[Section, ...]:
    """Return `sections`, which are where they were linked to, as they are when moved by `bias` bytes.

    Raises `ImageError` for a relocation that does more than fill in an address of this file.
    """
    memory = [bytearray(section.data) for section in sections]
    for address, value in _fixups(elf, arch, bias, path):
        for section, data in zip(sections, memory, strict=True):
            at = address - section.address
            if 0 <= at <= len(data) - arch.word:
                found = int.from_bytes(data[at : at + arch.word], arch.byte_order)
                moved = found + bias if value is None else value
                data[at : at + arch.word] = (moved % (1 << 8 * arch.word)).to_bytes(arch.word, arch.byte_order)
                break
        else:
            raise ImageError(f"{path} is damaged: a relocation is for {address:#x}, outside of all sections")
    for section in sections:
        if section.address + bias + len(section.data) > 1 << 64:
            raise ImageError(f"{path} is damaged: section {section.name} ends behind the last address; build it again")
    return tuple(
        replace(section, address=section.address + bias, data=bytes(data))
        for section, data in zip(sections, memory, strict=True)
    )


def _fixups(elf: "ELFFile", arch: Architecture, bias: int, path: Path) -> Iterator[_Fixup]:
    from elftools.elf.relocation import RelocationSection, RelrRelocationSection

    for section in elf.iter_sections():
        if not section["sh_flags"] & 2:  # SHF_ALLOC: others were for the linker, which has applied them
            continue
        if isinstance(section, RelrRelocationSection):
            for relocation in section.iter_relocations():
                spend(f"relocating {path}")
                yield _Fixup(relocation["r_offset"], None)
        elif isinstance(section, RelocationSection):
            yield from _with_addends(elf, section, arch, bias, path)


def _with_addends(
    elf: "ELFFile", section: "RelocationSection", arch: Architecture, bias: int, path: Path
) -> Iterator[_Fixup]:
    symbols = elf.get_section(section["sh_link"])
    for relocation in section.iter_relocations():
        spend(f"relocating {path}")
        kind, address = relocation["r_info_type"], relocation["r_offset"]
        if kind == 0:  # R_*_NONE
            continue
        if not relocation.is_RELA() or kind not in (arch.relative_relocation, *arch.symbol_relocations):
            raise ImageError(
                f"{path} has a relocation of type {kind} at {address:#x}, which only a loader can apply; "
                "link it statically, or without -pie"
            )
        if kind == arch.relative_relocation:
            yield _Fixup(address, bias + relocation["r_addend"])
            continue
        symbol = symbols.get_symbol(relocation["r_info_sym"])
        defined = symbol["st_shndx"] != "SHN_UNDEF"
        if not defined and symbol["st_info"]["bind"] != "STB_WEAK":
            raise ImageError(f"{path} uses {symbol.name}, which nothing defines; link it with what does")
        base = symbol["st_value"] + bias if defined else 0
        yield _Fixup(address, base + relocation["r_addend"])
