"""A linked ELF executable: its bytes, its symbols, and what its debug information says about both."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import accumulate
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from ctxrace.core.errors import ImageError
from ctxrace.core.interleaving import Source
from ctxrace.core.limits import uncollected
from ctxrace.machine.arch.architecture import Architecture
from ctxrace.machine.discovery import Discovery
from ctxrace.machine.dwarf import DebugInformation, Line, reading
from ctxrace.machine.elf.header import check_header, elf_of
from ctxrace.machine.elf.relocation import load_bias, relocated
from ctxrace.machine.elf.sections import Section, loaded_sections, section_at
from ctxrace.machine.elf.symbols import Symbol, files_of, symbols_of
from ctxrace.machine.findings.debug import KnownDebugInformation, all_of
from ctxrace.machine.findings.store import directory, keep, key_of, recall
from ctxrace.machine.inputs import MOST_IMAGE, MOST_SOURCE, contents, resolved, shortest
from ctxrace.machine.layout import Layout, is_signed, part, spell

if TYPE_CHECKING:
    from elftools.elf.elffile import ELFFile

__all__ = ["Image", "Section", "Symbol", "load_image"]

MOST_KNOWN = 1 << 20
"""Bytes of a file of which all is read at once and kept for later runs; a larger one is read as questions come up."""


def load_image(
    path: Path, arch: Architecture, headers: Sequence[Path] = (), *, shown: Path | None = None
) -> "Image":
    """Load a linked ELF file.

    path: the file; arch: what its code must be for; headers: directories, see `Image`. shown: what the user named, and
    `path` was made of, for messages.
    A position-independent one that is linked to where NULL points is moved to where kernel code lies.
    Raises `ImageError`: unreadable, not ELF, damaged, another architecture, or not linked.
    """
    data, shown = contents(path, MOST_IMAGE, ImageError), shown or path
    check_header(data, shown, arch, linked=True)
    key = key_of("image", arch.name, data) if len(data) <= MOST_KNOWN and directory() is not None else None
    match recall(key) if key is not None else None:
        case {"image": dict(known), "debug": dict(debug)}:
            return _recalled(path, shown, arch, tuple(headers), data, known, debug)
    with reading(shown, "its sections or symbols"):
        elf = elf_of(data)
        linked = tuple(loaded_sections(elf, shown))
        code = [(section.address, len(section.data)) for section in linked if section.executable]
        bias = load_bias(linked, arch)
        sections = relocated(elf, linked, arch, bias, shown)
        symbols = tuple(symbols_of(elf, sections, bias, shown))
        information = DebugInformation(shown, partial(elf_of, data), code)
        image = Image(arch, path, sections, symbols, information, tuple(headers), dict(_notes(elf)), bias)
        image.files = files_of(elf)
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
    path: Path,
    shown: Path,
    arch: Architecture,
    headers: tuple[Path, ...],
    data: bytes,
    known: dict[str, Any],
    debug: dict[str, Any],
) -> "Image":
    """Return the image of which `_facts` and `all_of` have said `known` and `debug`."""
    sections = tuple(Section(name, at, bytes.fromhex(held), *may) for name, at, held, *may in known["sections"])
    symbols = tuple(Symbol(*row) for row in known["symbols"])
    information = KnownDebugInformation(shown, partial(elf_of, data), known["code"], debug)
    notes = {name: bytes.fromhex(held) for name, held in known["notes"].items()}
    image = Image(arch, path, sections, symbols, information, headers, notes, known["bias"])
    image.files = known["files"]
    return image


MOST_TEXT = 4096
"""Bytes of a text in memory: a condition, or a message."""


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
        section = section_at(self.sections, address)
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
        """Return the NUL-terminated text at `address` as it is before anything runs, empty where there is none.

        Of a longer one, the first `MOST_TEXT` bytes.
        """
        section = section_at(self.sections, address)
        if section is None:
            return ""
        start = address - section.address
        return section.data[start : start + MOST_TEXT].partition(b"\0")[0].decode("utf-8", "replace")

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
        if inside is not None and symbol.size and inside.stop > symbol.size:
            what = f"{name} is not within the {symbol.size:,} bytes of {base}"
            raise ImageError(f"{self.name} is damaged: {what}; build it again")
        return Symbol(name, symbol.address + inside.start, len(inside), symbol.kind) if inside is not None else None

    def _part(self, symbol: Symbol, path: str) -> range | None:
        """Return the bytes of a variable that hold its member `path`."""
        found = self._variable_of(symbol)
        return part(found[1], path) if found is not None else None

    def _variable_of(self, symbol: Symbol) -> tuple[str, Layout] | None:
        """Return what debug information calls the variable that begins where `symbol` does, and its layout."""
        return self.debug.variable_at(symbol.address - self.bias)

    def is_signed(self, symbol: str, offset: int, size: int) -> bool:
        """Return whether `size` bytes at `offset` bytes into the variable `symbol` are one number with a sign."""
        known = self.symbols.get(symbol)
        variable = self._variable_of(known) if known is not None and known.kind == "object" else None
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
        variable = self._variable_of(known) if known is not None and is_object else None
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
            with suppress(ImageError):  # a damaged path may name anything
                text = contents(path, MOST_SOURCE, ImageError).decode("utf-8", "replace")
                text = text.replace("\r\n", "\n").replace("\r", "\n")
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


def _notes(elf: "ELFFile") -> Iterator[tuple[str, bytes]]:
    for section in elf.iter_sections():
        if section["sh_type"] == "SHT_PROGBITS" and not section["sh_flags"] & 2 and section.name[:6] != ".debug":
            yield section.name, bytes(section.data())
