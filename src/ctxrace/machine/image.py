"""A linked ELF executable: its bytes, its symbols, and what its debug information says about both."""

import struct
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import accumulate
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from ctxrace.core.errors import ImageError
from ctxrace.core.interleaving import Source
from ctxrace.core.limits import spend, uncollected
from ctxrace.machine.arch.architecture import ELF_MACHINES, Architecture
from ctxrace.machine.discovery import Discovery
from ctxrace.machine.dwarf import DebugInformation, Line, elf_of, reading
from ctxrace.machine.findings.debug import KnownDebugInformation, all_of
from ctxrace.machine.findings.store import directory, keep, key_of, recall
from ctxrace.machine.inputs import MOST_IMAGE, contents, resolved, shortest
from ctxrace.machine.layout import is_signed, part, spell
from ctxrace.machine.relocation import load_bias, relocated
from ctxrace.machine.sections import Section, loaded_sections

if TYPE_CHECKING:
    from elftools.elf.elffile import ELFFile

__all__ = ["ELF_MAGIC", "Image", "Section", "Symbol", "check_header", "load_image"]

ELF_MAGIC = b"\x7fELF"

MOST_KNOWN = 1 << 20
"""Bytes of a file of which all is read at once and kept for later runs; a larger one is read as questions come up."""


@dataclass(frozen=True, slots=True)
class Symbol:
    """A named range of bytes; kind: ``function`` or ``object``.

    size: in bytes. Where the file gives none, a function reaches to the next symbol, and an object has 0.
    """

    name: str
    address: int
    size: int
    kind: str


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
    if kind == 1 and linked:
        raise ImageError(f"{path} is a relocatable object: it must be linked first; with a name in .o ctxrace does it")
    if kind != 1 and not linked:
        raise ImageError(f"{path} is not a relocatable object (ELF type {kind}); with a name in .elf it is an image")
    if kind not in (1, 2, 3):
        raise ImageError(f"{path} is neither an executable nor a shared object (ELF type {kind}); name one")


def load_image(path: Path, arch: Architecture, headers: Sequence[Path] = ()) -> "Image":
    """Load a linked ELF file.

    path: the file; arch: what its code must be for; headers: directories, see `Image`.
    A position-independent one that is linked to where NULL points is moved to where kernel code lies.
    Raises `ImageError`: unreadable, not ELF, damaged, another architecture, or not linked.
    """
    data = contents(path, MOST_IMAGE, ImageError)
    check_header(data, path, arch, linked=True)
    key = key_of("image", arch.name, data) if len(data) <= MOST_KNOWN and directory() is not None else None
    match recall(key) if key is not None else None:
        case {"image": dict(known), "debug": dict(debug)}:
            return _recalled(path, arch, tuple(headers), data, known, debug)
    with reading(path, "its sections or symbols"):
        elf = elf_of(data)
        linked = tuple(loaded_sections(elf, path))
        code = [(section.address, len(section.data)) for section in linked if section.executable]
        bias = load_bias(linked, arch)
        sections = relocated(elf, linked, arch, bias, path)
        symbols = tuple(_sized(_symbols(elf, bias), sections))
        information = DebugInformation(path, partial(elf_of, data), code)
        image = Image(arch, path, sections, symbols, information, tuple(headers), dict(_notes(elf)), bias)
        image.files = _files(elf)
    if key is not None:
        with uncollected(), suppress(ImageError, RecursionError):  # damage is told of where it is met
            keep(key, {"image": _facts(image, symbols, code), "debug": all_of(information)})
    return image


def _facts(image: "Image", symbols: Sequence[Symbol], code: Sequence[tuple[int, int]]) -> dict[str, Any]:
    """Return what makes `image`, but for its debug information, as lists and numbers."""
    return {
        "sections": [[s.name, s.address, s.data.hex(), s.writable, s.executable] for s in image.sections],
        "symbols": [[symbol.name, symbol.address, symbol.size, symbol.kind] for symbol in symbols],
        "notes": {name: data.hex() for name, data in image.notes.items()},
        "bias": image.bias,
        "files": image.files,
        "code": code,
    }


def _recalled(
    path: Path, arch: Architecture, headers: tuple[Path, ...], data: bytes, known: dict[str, Any], debug: dict[str, Any]
) -> "Image":
    """Return the image of which `_facts` and `all_of` have said `known` and `debug`."""
    sections = tuple(Section(name, at, bytes.fromhex(held), *may) for name, at, held, *may in known["sections"])
    symbols = tuple(Symbol(*row) for row in known["symbols"])
    information = KnownDebugInformation(path, partial(elf_of, data), known["code"], debug)
    notes = {name: bytes.fromhex(held) for name, held in known["notes"].items()}
    image = Image(arch, path, sections, symbols, information, headers, notes, known["bias"])
    image.files = known["files"]
    return image


class Start(NamedTuple):
    """Where a context begins an entry. arguments: what it passes, spelled, where that may be one of several."""

    address: int
    arguments: tuple[str, ...] = ()


class Image:
    """Give access to one linked executable.

    arch, path: as loaded; sections: those that are loaded into memory.
    all_symbols: by address; symbols: the same by name, a global one before static ones, then in file order.
    headers: directories of inline functions that tell a reader less than the line that calls them.
    notes: the bytes of the sections that are not loaded, by name, without debug information.
    bias: by how much all addresses are larger than in the debug information.
    """

    def __init__(
        self,
        arch: Architecture,
        path: Path,
        sections: tuple[Section, ...],
        symbols: tuple[Symbol, ...],
        debug: DebugInformation,
        headers: tuple[Path, ...] = (),
        notes: Mapping[str, bytes] = MappingProxyType({}),
        bias: int = 0,
    ) -> None:
        self.arch = arch
        self.discovery: Discovery | None = None  # of an image that is looked at only where it runs
        self.path = path
        self.name = path.name
        self.starts: dict[str, tuple[Start, ...]] = {}  # of entries to which arguments are passed
        self.without_lines = ""  # the file whose code has no source lines though others have, for messages
        self.files = 0  # how many source files its symbol table names
        self.sections = sections
        self.headers = headers
        self.notes = notes
        self.debug = debug
        self.bias = bias
        self.symbols: dict[str, Symbol] = {}
        for symbol in symbols:
            self.symbols.setdefault(symbol.name, symbol)
        rank = {symbol: -index for index, symbol in enumerate(symbols)}  # of several names, the first one wins
        self.all_symbols = tuple(sorted(rank, key=lambda symbol: (symbol.address, -symbol.size, rank[symbol])))
        self._functions = _Ranges([symbol for symbol in self.all_symbols if symbol.kind == "function"])
        self._objects = _Ranges([symbol for symbol in self.all_symbols if symbol.kind == "object"])
        self._spelled: dict[tuple[str | Symbol, int, int], str] = {}
        self._lines: dict[int, Line | None] = {}
        self._sources: dict[tuple[str, Path, int], Source] = {}
        self._texts: dict[Path, list[str]] = {}
        self._in_headers: dict[Path, bool] = {}

    def starts_of(self, entry: str) -> tuple[Start, ...]:
        """Return where a context may begin `entry`: at the function, or at what passes arguments to it."""
        return self.starts.get(entry) or (Start(self.symbols[entry].address),)

    def function_at(self, address: int) -> Symbol | None:
        """Return the function whose code contains `address`, or None."""
        return self._functions.at(address)

    def object_at(self, address: int) -> Symbol | None:
        """Return the variable whose bytes contain `address`, or None."""
        return self._objects.at(address)

    def section(self, name: str) -> Section | None:
        """Return the first loaded section called `name`, or None."""
        return next((section for section in self.sections if section.name == name), None)

    def contents(self, name: str) -> bytes:
        """Return the bytes of the section called `name`, loaded or not, none where there is no such section."""
        section = self.section(name)
        return section.data if section else self.notes.get(name, b"")

    def read(self, address: int, size: int) -> bytes | None:
        """Return `size` bytes as they are before anything runs, or None unless one section holds them all."""
        section = _section_at(self.sections, address)
        if section is None or size < 0 or address + size > section.address + len(section.data):
            return None
        return section.data[address - section.address : address - section.address + size]

    def source(self, address: int) -> Source | None:
        """Return the source line of the instruction at `address`, or None where none is known.

        Of an inline function in one of `headers` it is the line that calls it, if that is outside of them.
        A relative file name is as it was given to the compiler, an absolute one is relative to the working directory
        when below it, else its last part alone. Raises `ImageError`: damaged debug information.
        """
        found = self._line(address)
        if found is None:
            return None
        key = (shortest(found.file), found.path, found.line)  # one object for all that name the line
        if key not in self._sources:
            texts = self._text(found.path)
            text = texts[found.line - 1].strip() if 0 < found.line <= len(texts) else ""
            self._sources[key] = Source(key[0], found.line, text)
        return self._sources[key]

    def where(self, address: int) -> str:
        """Say where `address` is, for messages: ``attempt+0x10 (guard.c:12)``, or the bare address."""
        function = self.function_at(address)
        if function is None:
            return f"{address:#x}"
        found = self.source(address)
        place = f"{function.name}+{address - function.address:#x}"
        return f"{place} ({found.file}:{found.line})" if found else place

    def string(self, address: int) -> str:
        """Return the NUL-terminated text at `address` as it is before anything runs, empty where there is none."""
        section = _section_at(self.sections, address)
        if section is None:
            return ""
        start = address - section.address
        end = section.data.find(b"\0", start)
        return section.data[start : end if end >= 0 else None].decode("utf-8", "replace")

    def place(self, symbol: str | Symbol, offset: int, size: int) -> str:
        """Spell bytes of a variable as C does: ``active[0]``, ``stats.misses``, ``table[2].count``.

        symbol: the variable or its name; offset, size: of the bytes in it.
        Several elements are ``active[0..3]``, the whole variable is ``active``; bytes that no expression names are
        ``counter+2:1`` (offset and size), and without debug information ``counter+2``.
        Raises `ImageError`: damaged debug information.
        """
        key = (symbol, offset, size)
        if key not in self._spelled:
            self._spelled[key] = self._spell(symbol, offset, size)
        return self._spelled[key]

    def variable(self, name: str) -> Symbol | None:
        """Return the symbol called `name`, or as one the bytes of a member, as in ``runqueues.nr_pinned``."""
        base, _, path = name.partition(".")
        symbol = self.symbols.get(base)
        inside = self._part(symbol, path) if symbol is not None and path else None
        if symbol is None or not path:
            return symbol
        return Symbol(name, symbol.address + inside.start, len(inside), symbol.kind) if inside is not None else None

    def _part(self, symbol: Symbol, path: str) -> range | None:
        """Return the bytes of a variable that hold its member `path`."""
        found = self.debug.variable_at(symbol.address - self.bias)
        return part(found[1], path) if found is not None else None

    def is_signed(self, symbol: str, offset: int, size: int) -> bool:
        """Return whether `size` bytes at `offset` bytes into the variable `symbol` are one number with a sign."""
        known = self.symbols.get(symbol)
        variable = self.debug.variable_at(known.address) if known is not None and known.kind == "object" else None
        return variable is not None and offset >= 0 and is_signed(variable[1], offset, size)

    def result_size(self, function: str) -> int:
        """Return how many bytes `function` returns: 0 for none, a whole word where debug information does not say."""
        known = self.debug.signature_at(self.symbols[function].address - self.bias)
        return self.arch.word if known is None else min(known.result, self.arch.word)

    def parameters(self, function: str) -> int:
        """Return how many arguments `function` takes that nobody passes, 0 where debug information does not say."""
        known = self.debug.signature_at(self.symbols[function].address - self.bias)
        return 0 if known is None or function in self.starts else known.parameters

    def _spell(self, symbol: str | Symbol, offset: int, size: int) -> str:
        known = self.symbols.get(symbol) if isinstance(symbol, str) else symbol
        name = symbol if isinstance(symbol, str) else symbol.name
        is_object = known is not None and known.kind == "object"
        variable = self.debug.variable_at(known.address - self.bias) if known is not None and is_object else None
        if known is not None and variable is not None:
            called, layout = variable
            layout = replace(layout, size=max(layout.size, known.size))  # a flexible array may have elements
            if offset >= 0 and offset + size <= layout.size:
                return spell(called, layout, offset, size)
        return f"{name}{offset:+d}" if offset else name

    def source_path(self, address: int) -> Path | None:
        """Return the whole path of the file that `source` shortens, or None where none is known."""
        return found.path if (found := self._line(address)) else None

    def _line(self, address: int) -> Line | None:
        if address not in self._lines:
            self._lines[address] = self._find_line(address - self.bias)
        return self._lines[address]

    def _find_line(self, address: int) -> Line | None:
        found = self.debug.line_at(address)
        if found is None or not self._in_header(found.path):
            return found
        return next((call for call in self.debug.calls_at(address) if not self._in_header(call.path)), found)

    def _in_header(self, path: Path) -> bool:
        if path not in self._in_headers:
            self._in_headers[path] = any(
                Path(resolved(str(path))).is_relative_to(resolved(str(directory))) for directory in self.headers
            )
        return self._in_headers[path]

    def _text(self, path: Path) -> list[str]:
        if path not in self._texts:
            text = ""
            with suppress(OSError, ValueError):  # is_file: a damaged path may name a device that never ends
                text = path.read_text(errors="replace") if path.is_file() else ""
            self._texts[path] = [] if "\0" in text else text.split("\n")
        return self._texts[path]


class _Ranges:
    """Finds the innermost of possibly overlapping symbols, which are sorted by address, longest first."""

    def __init__(self, symbols: list[Symbol]) -> None:
        self._symbols = symbols
        self._starts = [symbol.address for symbol in symbols]
        self._reach = list(accumulate((symbol.address + symbol.size for symbol in symbols), max))

    def at(self, address: int) -> Symbol | None:
        index = bisect_right(self._starts, address) - 1
        while index >= 0 and self._reach[index] > address:
            symbol = self._symbols[index]
            if address < symbol.address + symbol.size:
                return symbol
            index -= 1
        return None


def _section_at(sections: tuple[Section, ...], address: int) -> Section | None:
    return next((s for s in sections if s.address <= address < s.address + len(s.data)), None)


def _notes(elf: "ELFFile") -> Iterator[tuple[str, bytes]]:
    for section in elf.iter_sections():
        if section["sh_type"] == "SHT_PROGBITS" and not section["sh_flags"] & 2 and section.name[:6] != ".debug":
            yield section.name, bytes(section.data())


def _files(elf: "ELFFile") -> int:
    tables = [section for section in elf.iter_sections() if section["sh_type"] == "SHT_SYMTAB"]
    return sum(symbol["st_info"]["type"] == "STT_FILE" for table in tables for symbol in table.iter_symbols())


def _symbols(elf: "ELFFile", bias: int) -> list[Symbol]:
    tables = [section for section in elf.iter_sections() if section["sh_type"] == "SHT_SYMTAB"]
    loaded = {index: section["sh_flags"] for index, section in enumerate(elf.iter_sections())}
    found: list[tuple[bool, Symbol]] = []
    for symbol in (symbol for table in tables for symbol in table.iter_symbols()):
        spend("reading symbols")
        flags = loaded.get(symbol["st_shndx"], 0)
        local = symbol["st_info"]["bind"] == "STB_LOCAL"
        kind = {"STT_FUNC": "function", "STT_OBJECT": "object"}.get(symbol["st_info"]["type"])
        if symbol["st_info"]["type"] == "STT_NOTYPE" and not local:  # an assembler or linker script label
            kind = "function" if flags & 4 else "object"
        if kind is not None and flags & 2 and symbol.name:
            found.append((local, Symbol(symbol.name, symbol["st_value"] + bias, symbol["st_size"], kind)))
    return [symbol for _, symbol in sorted(found, key=lambda entry: entry[0])]


def _sized(symbols: list[Symbol], sections: tuple[Section, ...]) -> Iterator[Symbol]:
    starts = sorted({symbol.address for symbol in symbols})
    for symbol in symbols:
        section = _section_at(sections, symbol.address)
        if symbol.size or symbol.kind != "function" or section is None:
            yield symbol
            continue
        after = bisect_right(starts, symbol.address)
        end = min([section.address + len(section.data), *starts[after : after + 1]])
        yield Symbol(symbol.name, symbol.address, end - symbol.address, symbol.kind)
