"""An ELF object of BPF code: its sections, symbols and relocations, as plain data. The only user of pyelftools here."""

import struct
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from pathlib import Path

from elftools.elf.elffile import ELFFile

from ctxrace.core.errors import CtxraceError, ImageError, LimitReached
from ctxrace.core.limits import spend
from ctxrace.machine.elf.header import ELF_MAGIC, MOST_NAME, check_sections, elf_of
from ctxrace.machine.inputs import contents, head

__all__ = ["Container", "Section", "Symbol", "SymbolKind", "read_container", "read_section"]

MACHINE = 247  # EM_BPF in include/uapi/linux/elf-em.h
MOST_BYTES = 64 << 20
MOST_ZEROS = 1 << 28  # bytes of all sections that the file does not hold
RELATIVE = 16  # bytes of an Elf64_Rel


class SymbolKind:
    """STT_* of the System V ABI."""

    OBJECT, FUNCTION, SECTION = 1, 2, 3


@dataclass(frozen=True, slots=True)
class Section:
    """A section. relocations: offset in it and number of the symbol."""

    name: str
    data: bytes
    size: int
    executable: bool
    writable: bool
    relocations: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Symbol:
    """A symbol. section: the number of its section, None where another file defines it."""

    name: str
    kind: int
    section: int | None
    value: int
    size: int
    weak: bool


@dataclass(frozen=True, slots=True)
class Container:
    """The sections and symbols of a file, by their numbers in it."""

    sections: tuple[Section, ...]
    symbols: tuple[Symbol, ...]

    def named(self, name: str) -> Section | None:
        """Return the first section of that name."""
        return next((section for section in self.sections if section.name == name), None)


def read_container(path: Path) -> Container:
    """Read an ELF object for BPF. Raises `ImageError` where the file is none, damaged, or cannot be read."""
    data = contents(path, MOST_BYTES, ImageError)
    if not data.startswith(b"\x7fELF") or len(data) < 64:
        raise ImageError(f"{path} is not an ELF file; name what clang -target bpf -c -g wrote")
    if data[4:6] != b"\x02\x01" or struct.unpack_from("<H", data, 18)[0] != MACHINE:
        raise ImageError(f"{path} is no little-endian BPF object; compile with clang -target bpfel -c -g")
    try:
        return _container(elf_of(data), len(data))
    except ImageError as error:
        raise ImageError(f"{path}: {error}") from None
    except LimitReached:
        raise
    except Exception as error:  # pyelftools raises whatever a damaged table makes it run into
        raise ImageError(f"{path} is damaged: {type(error).__name__}: {error}") from None


def read_section(path: Path, name: str, raised: type[CtxraceError]) -> bytes | None:
    """Return what the first section called `name` of any ELF file holds, nothing for none; None for another file.

    None also for a file that cannot be read. Raises `raised` where it is damaged.
    """
    if head(path, 4) != ELF_MAGIC:
        return None
    try:
        with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
            check_sections(data)
            section = ELFFile(file).get_section_by_name(name)
            if section is None or section["sh_type"] == "SHT_NOBITS":
                return b""
            if section.data_size > MOST_BYTES:
                raise raised(f"{path} is damaged: section {name} has {section.data_size:,} bytes")
            return bytes(section.data())
    except OSError:
        return None
    except raised:
        raise
    except Exception as error:  # pyelftools raises whatever a damaged table makes it run into
        raise raised(f"{path} is damaged: {type(error).__name__}: {error}") from None


def _container(file: ELFFile, length: int) -> Container:
    relocations: dict[int, list[tuple[int, int]]] = {}
    symbols: tuple[Symbol, ...] = ()
    sections = list(file.iter_sections())
    for section in sections:
        if section["sh_type"] != "SHT_NOBITS" and section["sh_offset"] + section["sh_size"] > length:
            raise ImageError(f"section {section.name} reaches beyond the end of the file, which is truncated")
    zeros = sum(section["sh_size"] for section in sections if section["sh_type"] == "SHT_NOBITS")
    if zeros > MOST_ZEROS:
        raise ImageError(f"its global data has {zeros:,} bytes of zeros, and at most {MOST_ZEROS:,} are read")
    for section in sections:
        spend("reading sections")
        if section["sh_type"] == "SHT_REL":
            rows = struct.iter_unpack("<QQ", section.data()[: section["sh_size"] // RELATIVE * RELATIVE])
            relocations.setdefault(section["sh_info"], []).extend((at, info >> 32) for at, info in rows)
        elif section["sh_type"] == "SHT_SYMTAB":
            names = file.get_section(section["sh_link"])
            symbols = tuple(_symbols(section.data(), names.data()))
    return Container(
        tuple(
            Section(
                section.name,
                b"" if section["sh_type"] == "SHT_NOBITS" else section.data(),
                section["sh_size"],
                bool(section["sh_flags"] & 4),
                bool(section["sh_flags"] & 1),
                tuple(relocations.get(number, ())),
            )
            for number, section in enumerate(sections)
        ),
        symbols,
    )


def _symbols(data: bytes, names: bytes) -> list[Symbol]:
    found = []
    for name, info, _, section, value, size in struct.iter_unpack("<IBBHQQ", data):
        text = names[name : name + MOST_NAME].partition(b"\0")[0].decode("utf-8", "replace")
        where = section if 0 < section < 0xFF00 else None
        found.append(Symbol(text, info & 15, where, value, size, info >> 4 == 2))
    return found
