"""A relocatable object file: what it defines, what it leaves undefined, and what it says of its types."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ctxrace.core.errors import ImageError
from ctxrace.core.limits import spend
from ctxrace.machine.arch import ARCHITECTURES
from ctxrace.machine.arch.architecture import ELF_MACHINES, Architecture
from ctxrace.machine.dwarf import DebugInformation, reading
from ctxrace.machine.elf.header import ELF_MAGIC, check_header, elf_of
from ctxrace.machine.inputs import MOST_IMAGE, contents, head
from ctxrace.machine.layout import Layout

if TYPE_CHECKING:
    from elftools.elf.elffile import ELFFile

__all__ = ["ObjectFile", "architecture_of", "read_object"]


def architecture_of(path: Path) -> Architecture | None:
    """Return the architecture that an ELF file's header names; None where it is no ELF file, or of no known one."""
    begin = head(path, 20)
    if len(begin) < 20 or not begin.startswith(ELF_MAGIC):
        return None
    little = begin[5] == 1
    (number,) = struct.unpack_from("<H" if little else ">H", begin, 18)
    found = ELF_MACHINES.get(number)
    known = (arch for arch in ARCHITECTURES.values() if (arch.elf_machine, arch.little_endian) == (found, little))
    return next(known, None)


@dataclass(frozen=True)
class ObjectFile:
    """Hold what one relocatable object says of itself.

    defined, weak: the names of its global symbols, the second of those that others may replace; local: those of its
    static functions and variables; undefined: what others must define.
    """

    path: Path
    arch: Architecture
    defined: frozenset[str]
    weak: frozenset[str]
    local: tuple[str, ...]
    undefined: frozenset[str]
    files: int
    _data: bytes = field(repr=False)

    @cached_property
    def _elf(self) -> "ELFFile":
        return elf_of(self._data)

    def section(self, name: str) -> bytes:
        """Return the bytes of the section called `name`, none where there is no such section."""
        with reading(self.path, f"section {name}"):
            found = self._elf.get_section_by_name(name)
            return b"" if found is None else bytes(found.data())

    def code(self) -> Iterator[bytes]:
        """Yield the bytes of each section that is executed."""
        with reading(self.path, "its code"):
            for section in self._elf.iter_sections():
                if section["sh_flags"] & 4 and section["sh_type"] == "SHT_PROGBITS":
                    yield bytes(section.data())

    def structs(self, name: str) -> list[Layout]:
        """Return the layout of ``struct name`` in each of its files whose DWARF defines it."""
        if f"{name}\0".encode() not in self._data:
            return []
        return DebugInformation(self.path, lambda: self._elf, ()).structs(name)


def read_object(path: Path, arch: Architecture) -> ObjectFile:
    """Read the relocatable object `path`; raise `ImageError`: unreadable, not one for `arch`, or damaged."""
    data = contents(path, MOST_IMAGE, ImageError)
    check_header(data, path, arch, linked=False)
    defined, weak, local, undefined, files = set[str](), set[str](), list[str](), set[str](), 0
    with reading(path, "its symbols"):
        elf = elf_of(data)
        for table in (section for section in elf.iter_sections() if section["sh_type"] == "SHT_SYMTAB"):
            for symbol in table.iter_symbols():
                spend("reading symbols")
                binding, kind = symbol["st_info"]["bind"], symbol["st_info"]["type"]
                files += kind == "STT_FILE"
                if not symbol.name or kind in ("STT_FILE", "STT_SECTION"):
                    continue
                if symbol["st_shndx"] == "SHN_UNDEF":
                    undefined |= {symbol.name} if binding == "STB_GLOBAL" else set()
                elif binding == "STB_LOCAL":
                    local += [symbol.name] if kind in ("STT_FUNC", "STT_OBJECT") else []
                else:
                    (weak if binding == "STB_WEAK" else defined).add(symbol.name)
    names = frozenset(defined), frozenset(weak), tuple(local), frozenset(undefined)
    return ObjectFile(path, arch, *names, files, data)
