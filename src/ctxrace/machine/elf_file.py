"""An ELF file of any size, read where it is asked for: sections, symbols, and the bytes at an address."""

import mmap
import struct
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ctxrace.core.errors import ImageError
from ctxrace.core.limits import spend
from ctxrace.machine.arch.architecture import Architecture
from ctxrace.machine.elf.header import MOST_NAME, check_header
from ctxrace.machine.elf.symbols import Symbol

__all__ = ["ElfFile", "Header"]

MOST_SECTIONS = 65_536
MOST_SYMBOLS = 8_000_000  # a distribution's kernel has 250,000
MOST_AT_ONCE = 1 << 30  # bytes of one section, and of all that are loaded

_READING = "reading sections and symbols"
_SECTION_HEADER = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
_NOBITS, _SYMTAB = 8, 2
_ALLOC, _EXECUTE, _WRITE = 2, 4, 1
_KINDS = {0: "", 1: "object", 2: "function"}


@dataclass(frozen=True, slots=True)
class Header:
    """What the file says of one section. address, offset, size: in bytes; zeros: whether the file holds none of it."""

    name: str
    address: int
    offset: int
    size: int
    loaded: bool
    writable: bool
    executable: bool
    zeros: bool
    link: int
    kind: int


class ElfFile:
    """Read a linked little-endian 64-bit ELF file through a memory map.

    path: the file; arch: what its code must be for. Raises `ImageError`: unreadable, not ELF, damaged, another
    architecture, or not linked.
    """

    def __init__(self, path: Path, arch: Architecture) -> None:
        self.path, self.arch = path, arch
        try:
            if not path.is_file():
                raise ImageError(f"{path} is not a regular file; name a vmlinux")
            with path.open("rb") as file:
                self.bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise ImageError(f"cannot read {path}: {reason}; is the name spelled right?") from None
        check_header(self.bytes[:64], path, arch, linked=True)
        self._arrange(tuple(self._headers()))

    def _arrange(self, sections: tuple[Header, ...]) -> None:
        """Take `sections` as those of the file; raise `ImageError` where they are not in memory together."""
        held = 0
        for section in sections:
            held += section.size if section.loaded else 0
            if section.loaded and (held > MOST_AT_ONCE or section.address + section.size > 1 << 64):
                raise ImageError(
                    f"{self.path} is damaged: section {section.name} of {section.size:,} bytes at {section.address:#x} "
                    "is not in memory with the others; fetch it again"
                )
        self.sections = sections
        self._by_name = {section.name: section for section in reversed(sections)}
        self._loaded = sorted((s for s in self.sections if s.loaded and s.size), key=lambda s: s.address)
        self._starts = [section.address for section in self._loaded]

    elfclass, little_endian = 64, True

    def section(self, name: str) -> Header | None:
        """Return the first section called `name`, or None."""
        return self._by_name.get(name)

    def contents(self, name: str) -> bytes:
        """Return the bytes of the section called `name`, none where there is no such section."""
        section = self._by_name.get(name)
        if section is None:
            return b""
        if section.size > MOST_AT_ONCE:
            raise ImageError(f"{self.path} is damaged: section {name} has {section.size:,} bytes; fetch it again")
        return bytes(section.size) if section.zeros else self.bytes[section.offset : section.offset + section.size]

    def section_at(self, address: int) -> Header | None:
        """Return the loaded section that holds `address`, or None."""
        index = bisect_right(self._starts, address) - 1
        if index < 0:
            return None
        section = self._loaded[index]
        return section if address < section.address + section.size else None

    def read(self, address: int, size: int) -> bytes | None:
        """Return `size` bytes at `address` as the file has them, or None unless one loaded section holds them all."""
        section = self.section_at(address)
        if section is None or size < 0 or address + size > section.address + section.size:
            return None
        if section.zeros:
            return bytes(size)
        start = section.offset + address - section.address
        return self.bytes[start : start + size]

    @cached_property
    def symbols(self) -> dict[str, tuple[Symbol, ...]]:
        """The symbols by name: several static ones may have the same; functions, objects and labels."""
        found: dict[str, tuple[Symbol, ...]] = {}
        for symbol in self._symbols():
            known = found.get(symbol.name, ())
            if symbol not in known:
                found[symbol.name] = (*known, symbol)
        return found

    @cached_property
    def _ranges(self) -> tuple[list[int], list[Symbol]]:
        ordered = sorted(
            (symbol for same in self.symbols.values() for symbol in same),
            key=lambda symbol: (symbol.address, symbol.size, symbol.kind == "function", symbol.name),
        )
        return [symbol.address for symbol in ordered], ordered

    def symbols_of(self, address: int) -> list[Symbol]:
        """Return the symbols that begin at `address`: one function or variable may have several names."""
        starts, symbols = self._ranges
        return symbols[bisect_left(starts, address) : bisect_right(starts, address)]

    def symbol_at(self, address: int) -> Symbol | None:
        """Return the innermost symbol whose bytes hold `address`, or None."""
        starts, symbols = self._ranges
        index = bisect_right(starts, address) - 1
        for candidate in reversed(symbols[max(0, index - _LOOK_BACK) : index + 1]):
            if candidate.address <= address < candidate.address + max(candidate.size, 1):
                return candidate
        return None

    def address(self, name: str) -> int:
        """Return the address of the symbol called `name`.

        Raises `ImageError` where there is none, or several at different addresses.
        """
        same = self.symbols.get(name, ())
        if not same:
            raise ImageError(f"{self.path} has no symbol {name!r}; is it a kernel with its symbol table?")
        if len({symbol.address for symbol in same}) > 1:
            raise ImageError(f"{self.path} has {len(same)} symbols called {name!r}, at different addresses")
        return same[0].address

    def _headers(self) -> Iterator[Header]:
        data = self.bytes
        table, size, count, names_at = (
            int.from_bytes(data[at : at + n], "little") for at, n in ((40, 8), (58, 2), (60, 2), (62, 2))
        )
        if size != _SECTION_HEADER.size or not count or table + size * count > len(data):
            raise ImageError(f"{self.path} is truncated: its section headers lie outside of the file; fetch it again")
        rows = [_SECTION_HEADER.unpack_from(data, table + size * number) for number in range(min(count, MOST_SECTIONS))]
        if names_at >= len(rows):
            raise ImageError(f"{self.path} is damaged: section {names_at} with the names does not exist")
        names = data[rows[names_at][4] : rows[names_at][4] + rows[names_at][5]]
        for name_at, kind, flags, address, offset, length, link, _, _, _ in rows:
            spend(_READING)
            zeros = kind == _NOBITS
            if kind and not zeros and offset + length > len(data):
                name = _string(names, name_at)
                raise ImageError(f"{self.path} is truncated: section {name} ends outside of the file; fetch it again")
            loaded, writable, executable = bool(flags & _ALLOC), bool(flags & _WRITE), bool(flags & _EXECUTE)
            name = _string(names, name_at)
            yield Header(name, address, offset, length, loaded, writable, executable, zeros, link, kind)

    def _symbols(self) -> Iterator[Symbol]:
        table = next((section for section in self.sections if section.kind == _SYMTAB), None)
        if table is None or table.link >= len(self.sections):
            raise ImageError(
                f"{self.path} has no symbol table (it is stripped); take the vmlinux of the package with debug "
                "symbols, or of the directory in which the kernel was built"
            )
        if table.size // _SYMBOL.size > MOST_SYMBOLS:
            raise ImageError(f"{self.path} is damaged: {table.size // _SYMBOL.size:,} symbols; fetch it again")
        linked = self.sections[table.link]
        names = self.bytes[linked.offset : linked.offset + linked.size]
        rows = self.bytes[table.offset : table.offset + table.size - table.size % _SYMBOL.size]
        for name_at, info, _, section, value, size in _SYMBOL.iter_unpack(rows):
            kind = _KINDS.get(info & 15)
            if kind is None or not name_at or not section:
                continue
            spend(_READING)
            name = _string(names, name_at)
            if name[:1] != "$":  # a mapping symbol of the assembler
                self._check(name, value, size, section)
                yield Symbol(name, value, size, kind or self._label(section))

    def _check(self, name: str, value: int, size: int, section: int) -> None:
        """Raise `ImageError` for a symbol that is not in its section; one without a size may be anywhere."""
        header = self.sections[section] if section < len(self.sections) else None
        known = size and header is not None and header.loaded
        low, high = (header.address, header.address + header.size) if known and header is not None else (0, 1 << 64)
        if not low <= value <= value + size <= high:
            raise ImageError(
                f"{self.path} is damaged: the symbol {name[:100]} has {size:,} bytes at {value:#x}, and they are not "
                f"all in {low:#x}..{high:#x}; fetch it again"
            )

    def _label(self, section: int) -> str:
        header = self.sections[section] if section < len(self.sections) else None
        return "function" if header is not None and header.executable else "object"


_LOOK_BACK = 64  # symbols before an address among which the one that holds it is; the others lie within larger ones


def _string(names: bytes, offset: int) -> str:
    """Return the name at `offset`; of one that is longer than any, what is left of it is no part."""
    return names[offset : offset + MOST_NAME].partition(b"\0")[0].decode("utf-8", "replace")
