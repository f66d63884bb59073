"""The sections of a linked executable that are loaded into memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ctxrace.core.errors import ImageError
from ctxrace.core.limits import spend

if TYPE_CHECKING:
    from elftools.elf.elffile import ELFFile

__all__ = ["Section", "loaded_sections", "section_at"]

MAX_LOADED = 1 << 28
"""Bytes: no kernel loads more, so that more is a damaged section header."""


@dataclass(frozen=True, slots=True)
class Section:
    """One loaded section: `data` are its bytes from `address` on, zeros where the file holds none.

    until_written: whether writable bytes are taken as constant until a run writes them. undefined: whether it only
    stands for what nothing defines, and has no bytes to be read.
    """

    name: str
    address: int
    data: bytes
    writable: bool
    executable: bool
    until_written: bool = False
    undefined: bool = False


def loaded_sections(elf: "ELFFile", path: Path) -> Iterator[Section]:
    """Yield the sections of `elf` that are loaded, in file order; raise `ImageError` where one is damaged."""
    total = 0
    for section in elf.iter_sections():
        spend("reading sections")
        flags, size = section["sh_flags"], section["sh_size"]
        if not flags & 2 or flags & 0x400:  # SHF_ALLOC, SHF_TLS
            continue
        total += size
        if total > MAX_LOADED:
            raise ImageError(
                f"{path} loads more than {MAX_LOADED >> 20} MiB into memory, with section {section.name} of {size} "
                "bytes; is it damaged? build it again, or check a smaller program"
            )
        data = bytes(size) if section["sh_type"] == "SHT_NOBITS" else bytes(section.data())
        if len(data) != size:
            raise ImageError(
                f"{path} is truncated: section {section.name} has {len(data)} of its {size} bytes; build it again"
            )
        yield Section(section.name, section["sh_addr"], data, bool(flags & 1), bool(flags & 4))


def section_at(sections: Sequence[Section], address: int) -> Section | None:
    """Return the first of `sections` that holds `address`, or None."""
    return next((s for s in sections if s.address <= address < s.address + len(s.data)), None)
