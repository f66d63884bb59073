"""The symbols of a linked executable: functions, variables, and labels."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ctxrace.core.errors import ImageError
from ctxrace.core.limits import spend
from ctxrace.machine.elf.header import MOST_NAME
from ctxrace.machine.elf.sections import Section, section_at

if TYPE_CHECKING:
    from elftools.elf.elffile import ELFFile
    from elftools.elf.sections import Section as ElfSection

__all__ = ["Symbol", "files_of", "symbols_of"]

_ADDRESSES = 1 << 64
_KINDS = {"STT_FUNC": "function", "STT_OBJECT": "object"}


@dataclass(frozen=True, slots=True)
class Symbol:
    """A named range of bytes; kind: ``function`` or ``object``.

    size: in bytes. Where the file gives none, a function reaches to the next symbol, and an object has 0.
    """

    name: str
    address: int
    size: int
    kind: str


def symbols_of(elf: "ELFFile", sections: Sequence[Section], bias: int, path: Path) -> Iterator[Symbol]:
    """Yield the symbols of `elf`, global ones before static ones, otherwise in the order of the file.

    sections: what is loaded; bias: how much higher that is than the addresses in the file. Raises `ImageError` for a
    symbol whose bytes are not within its section.
    """
    found = list(_named(elf, bias, path))
    symbols = [symbol for _, symbol in sorted(found, key=lambda entry: entry[0])]
    starts = sorted({symbol.address for symbol in symbols})
    for symbol in symbols:
        section = section_at(sections, symbol.address)
        if symbol.size or symbol.kind != "function" or section is None:
            yield symbol
            continue
        after = bisect_right(starts, symbol.address)
        end = min([section.address + len(section.data), *starts[after : after + 1]])
        yield Symbol(symbol.name, symbol.address, end - symbol.address, symbol.kind)


def files_of(elf: "ELFFile") -> int:
    """Return how many source files the symbols of `elf` name."""
    found = 0
    for table in _tables(elf):
        for symbol in table.iter_symbols():
            spend("reading symbols")
            found += symbol["st_info"]["type"] == "STT_FILE"
    return found


def _tables(elf: "ELFFile") -> list["ElfSection"]:
    return [section for section in elf.iter_sections() if section["sh_type"] == "SHT_SYMTAB"]


def _named(elf: "ELFFile", bias: int, path: Path) -> Iterator[tuple[bool, Symbol]]:
    """Yield each symbol that names something loaded, and whether it is a static one."""
    sections = dict(enumerate(elf.iter_sections()))
    for symbol in (symbol for table in _tables(elf) for symbol in table.iter_symbols()):
        spend("reading symbols")
        section = sections.get(symbol["st_shndx"])
        flags = section["sh_flags"] if section is not None else 0
        local = symbol["st_info"]["bind"] == "STB_LOCAL"
        kind = _KINDS.get(symbol["st_info"]["type"])
        if symbol["st_info"]["type"] == "STT_NOTYPE" and not local:  # an assembler or linker script label
            kind = "function" if flags & 4 else "object"
        if section is None or kind is None or not flags & 2 or not symbol.name:
            continue
        found = Symbol(symbol.name, symbol["st_value"] + bias, symbol["st_size"], kind)
        _check(found, section.header, section.name, bias, path)
        yield local, found


def _check(symbol: Symbol, header: Mapping[str, int], section: str, bias: int, path: Path) -> None:
    """Raise `ImageError` for a symbol that is not in its section; a label without a size may be anywhere."""
    start = header["sh_addr"] + bias
    inside = start <= symbol.address and symbol.address + symbol.size <= start + header["sh_size"]
    if not (inside if symbol.size else symbol.address < _ADDRESSES) or len(symbol.name) > MOST_NAME:
        raise ImageError(
            f"{path} is damaged: the symbol {symbol.name[:100]} has {symbol.size:,} bytes at {symbol.address:#x}, and "
            f"they are not all in its section {section}; build it again"
        )
