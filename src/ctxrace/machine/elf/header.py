"""The header of an ELF file and its table of sections, checked before anything else of the file is read.

Source: System V ABI, "ELF Header" and "Sections" (gabi 4.3).
"""

import struct
from io import BytesIO
from mmap import mmap
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ctxrace.core.errors import ImageError
from ctxrace.machine.arch.architecture import ELF_MACHINES, Architecture

if TYPE_CHECKING:
    from elftools.elf.elffile import ELFFile

__all__ = ["ELF_MAGIC", "MOST_NAME", "check_header", "check_sections", "elf_of"]

ELF_MAGIC = b"\x7fELF"

MOST_NAME = 1 << 16
"""Bytes of the name of a section or a symbol; a longer one is a table of names without an end."""
MOST_SECTIONS = 1 << 20
MOST_UNPACKED = 1 << 28
"""Bytes that sections may have of which the file holds less, or none: zeros, and what is compressed."""

_RELOCATABLE = 1  # ET_REL
_NULL, _NOBITS = 0, 8  # SHT_*
_ALLOC, _COMPRESSED = 0x2, 0x800  # SHF_*
_EXTENDED = 0xFFFF  # SHN_XINDEX


def check_header(data: bytes, path: Path, arch: Architecture, *, linked: bool) -> None:
    """Check that a file's first bytes are the header of an ELF file for `arch`.

    data: the file, or at least its first 64 bytes; linked: expect an executable, otherwise a relocatable object.
    Raises `ImageError`: not ELF, too short, another architecture, or the other one of the two kinds.
    """
    if not data.startswith(ELF_MAGIC):
        raise ImageError(f"{path} is not an ELF file (it starts with {data[:4].hex(' ') or 'nothing'}); name one")
    if len(data) < 64:
        raise ImageError(f"{path} is truncated: {len(data)} bytes are less than an ELF header; build it again")
    if data[4] != 2:
        raise ImageError(f"{path} is 32 bit code; {arch.name} is 64 bit: build it for {arch.name}")
    if data[5] != (1 if arch.little_endian else 2):
        found, expected = ("big", "little") if arch.little_endian else ("little", "big")
        raise ImageError(
            f"{path} is {found}-endian; {arch.name} is {expected}-endian: build it for {arch.name}, "
            "or name its own architecture"
        )
    kind, number = struct.unpack_from("<HH" if arch.little_endian else ">HH", data, 16)
    if ELF_MACHINES.get(number) != arch.elf_machine:
        from elftools.elf.enums import ENUM_E_MACHINE

        machine = next((name for name, value in ENUM_E_MACHINE.items() if value == number), f"machine {number}")
        raise ImageError(
            f"{path} is code for {machine}, not for {arch.name} ({arch.elf_machine}); "
            "build it for that, or name its own architecture"
        )
    if kind == _RELOCATABLE and linked:
        raise ImageError(f"{path} is a relocatable object: it must be linked first; with a name in .o ctxrace does it")
    if kind != _RELOCATABLE and not linked:
        raise ImageError(f"{path} is not a relocatable object (ELF type {kind}); with a name in .elf it is an image")
    if kind not in (1, 2, 3):
        raise ImageError(f"{path} is neither an executable nor a shared object (ELF type {kind}); name one")


def elf_of(data: bytes) -> "ELFFile":
    """Return the reader of the ELF file whose bytes are `data`; raise `ValueError` where its sections cannot be.

    Where they can, reading all of them takes no more memory than the file has bytes, and `MOST_UNPACKED`.
    """
    from elftools.elf.elffile import ELFFile  # takes a while, and what was read of most files is known

    order, kind, rows = _sections(data)
    for row in rows:
        if row.name.startswith(b".zdebug_"):  # it tells no size that could be believed
            raise ValueError("debug information in the form of -gz=zlib-gnu; compile with -gz=zlib, or without")
    unpacked = sum(_unpacked(data, row, order, relocatable=kind == _RELOCATABLE) for row in rows)
    if unpacked > MOST_UNPACKED:
        raise ValueError(f"sections of {unpacked:,} bytes that the file does not hold")
    return ELFFile(BytesIO(data))


class _Row(NamedTuple):
    """One section header, as far as it is checked. Offset and size are in bytes."""

    name: bytes
    kind: int
    flags: int
    offset: int
    size: int


def check_sections(data: bytes | mmap) -> None:
    """Raise `ValueError` where the table of sections of the ELF file with these bytes contradicts the file."""
    _sections(data)


def _sections(data: bytes | mmap) -> tuple[str, int, list[_Row]]:
    """Return the byte order and the type of an ELF file, and its sections but for the first, which is none."""
    if len(data) < 64 or data[4] != 2:
        raise ValueError("no ELF file of 64 bits")
    order = "<" if data[5] == 1 else ">"
    (kind,) = struct.unpack_from(f"{order}H", data, 16)
    (table,) = struct.unpack_from(f"{order}Q", data, 40)
    each, count, names_at = struct.unpack_from(f"{order}HHH", data, 58)
    if not table:
        return order, kind, []
    form = struct.Struct(f"{order}IIQ8xQQI20x")
    if each != form.size or table + each > len(data):
        raise ValueError(f"no section headers of {form.size} bytes at {table:#x}")
    first = struct.unpack_from(f"{order}QI", data, table + 32)  # its size and its link, where the header has no room
    count, names_at = count or first[0], first[1] if names_at == _EXTENDED else names_at
    if count > MOST_SECTIONS or table + each * count > len(data):
        raise ValueError(f"{count:,} section headers, which the file does not hold")
    headers = [form.unpack_from(data, table + each * number) for number in range(count)]
    names = headers[names_at][3] if names_at < count else None
    rows = [_Row(_name(data, names, name_at), *rest) for name_at, *rest, _ in headers[1:]]
    held = sum(max(0, min(row.size, len(data) - row.offset)) for row in rows if row.kind not in (_NULL, _NOBITS))
    if held > len(data):  # "no byte in a file resides in more than one section"
        raise ValueError("sections that overlap in the file")
    return order, kind, rows


def _name(data: bytes | mmap, names: int | None, at: int) -> bytes:
    """Return a name from the table that begins at `names`, None: there is none; raise `ValueError` if it has no end."""
    if not names:
        return b""
    end = data.find(b"\0", names + at, names + at + MOST_NAME)
    if end < 0:
        raise ValueError("a section whose name has no end")
    return bytes(data[names + at : end])


def _unpacked(data: bytes | mmap, row: _Row, order: str, *, relocatable: bool) -> int:
    """Return how many bytes a section has that the file does not hold.

    Zeros that are loaded are counted where a file is loaded.
    """
    if row.kind == _NOBITS:
        return row.size if relocatable or not row.flags & _ALLOC else 0
    if row.flags & _COMPRESSED and row.offset + 16 <= len(data):
        (size,) = struct.unpack_from(f"{order}Q", data, row.offset + 8)  # ch_size of an Elf64_Chdr
        return int(size)
    return 0
