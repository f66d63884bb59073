"""The sections of an arm64 Image, which has none: where they begin and end is what its symbols say.

Sources: Linux v7.0 arch/arm64/kernel/vmlinux.lds.S, include/asm-generic/vmlinux.lds.h. The file begins at _text
(arch/arm64/kernel/head.S); where that lies, lists in init_task tell, as each refers to itself.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import replace

from ctxrace.core.errors import ImageError
from ctxrace.machine.btf import Btf
from ctxrace.machine.elf_file import ElfFile, Header

__all__ = ["LISTS", "PlainSections"]

_REGIONS = (
    (".text", "_text", "_etext"),
    (".rodata", "_etext", "__init_begin"),  # and what is read-only after boot
    (".init", "__init_begin", "__init_end"),  # and the per-CPU template
    (".data", "__init_end", "_edata"),
    (".bss", "__bss_start", "_end"),
)
_TABLES = (
    (".BTF", "__start_BTF", "__stop_BTF"),
    (".altinstructions", "__alt_instructions", "__alt_instructions_end"),
    (".rela.dyn", "__pi_rela_start", "__pi_rela_end"),
)
_NEEDED = tuple(name for _, *ends in (*_REGIONS, *_TABLES) for name in ends)
_RUNTIME = "__start_runtime_"
_RENAMED = {"__pi_rela_start": "__rela_start", "__pi_rela_end": "__rela_end"}
"""What symbols were called before v6.9 (arch/arm64/kernel/vmlinux.lds.S); before v6.0 there were none."""

LISTS = ("tasks", "children", "sibling")
"""Members of init_task that refer to themselves: LIST_HEAD_INIT in init/init_task.c."""

_RELA = struct.Struct("<QQQ")
_PAGE = 4096


class PlainSections:
    """Find the sections of the Image that vmlinux-to-elf put into the section .kernel of `elf`.

    symbols: addresses by name, of which the distances are right; init_task is among them. Raises `ImageError`: the
    kernel is too old, has no BTF, or parts where none can be.
    """

    def __init__(self, elf: ElfFile, symbols: Mapping[str, int]) -> None:
        self._elf = elf
        renamed = {name: symbols[old] for name, old in _RENAMED.items() if old in symbols}
        symbols = {**renamed, **symbols}
        for name in _NEEDED:
            if name not in symbols:
                raise ImageError(
                    f"{elf.path} has no symbol {name}, which tells where its parts are: it is older than v6.0; take "
                    "the vmlinux of the package with debug symbols"
                )
        self.first = symbols["_text"]
        self._at = {name: address - self.first for name, address in symbols.items()}
        # Relocations may be cut out of the middle: then there is a second part behind them.
        parts = [part for part in map(elf.section, (".kernel", ".kernel2")) if part is not None]
        self._parts = [(part.address - parts[0].address, part) for part in parts]
        self._cut = len(parts) > 1
        self.types = self._types()
        self.base = self._base()

    def headers(self) -> Iterator[Header]:
        """Return the sections at the addresses for which the kernel was linked, and then what is no section of it."""
        end = 0
        for name, *ends in _REGIONS:
            start, stop = (self._at[symbol] for symbol in ends)
            if not end <= start <= stop:
                what = f"{ends[0]} and {ends[1]} are in no order"
                raise ImageError(f"{self._elf.path} is damaged: {what}; fetch it again")
            end = stop
            if name == ".bss":
                yield self._header(name, start, 0, stop - start, zeros=True)
            else:
                yield from self._region(name, start, stop)
        for name, *ends in self._tables():
            yield replace(self._header(name, *self._table(*ends)), loaded=False)
        yield from (it for it in self._elf.sections if not it.loaded or self._cut and it.name == ".rela.dyn")

    def _tables(self) -> Iterator[tuple[str, str, str]]:
        yield from (table for table in _TABLES if not self._cut or table[0] != ".rela.dyn")
        for start in sorted(name for name in self._at if name.startswith(_RUNTIME)):
            yield start.removeprefix("__start_"), start, start.replace("start", "stop", 1)

    def _region(self, name: str, start: int, stop: int) -> Iterator[Header]:
        held = 0
        for at, part in self._parts:
            low, high = max(start, at), min(stop, at + part.size)
            if low < high:
                held += high - low
                yield self._header(name, low, part.offset + low - at, high - low)
        if held != stop - start and not (self._cut and name == ".init"):
            raise ImageError(f"{self._elf.path} is truncated: {name} ends outside of the file; fetch it again")

    def _table(self, start: str, stop: str) -> tuple[int, int, int]:
        """Return where a table lies behind _text and in the file, and its size."""
        found = self._at.get(start, 0), self._at.get(stop, -1)
        for at, part in self._parts:
            if at <= found[0] <= found[1] <= at + part.size:
                return found[0], part.offset + found[0] - at, found[1] - found[0]
        raise ImageError(f"{self._elf.path} is damaged: {start} and {stop} are no place in the file; fetch it again")

    def _header(self, name: str, at: int, offset: int, size: int, *, zeros: bool = False) -> Header:
        code = name == ".text"
        return Header(name, self.base + at, offset, size, True, not code, code, zeros, 0, 8 if zeros else 1)

    def _contents(self, name: str) -> bytes:
        ends = next(ends for table, *ends in _TABLES if table == name)
        _, offset, size = self._table(*ends)
        return self._elf.bytes[offset : offset + size]

    def _types(self) -> Btf:
        data = self._contents(".BTF")
        if not data:
            raise ImageError(
                f"{self._elf.path} has no BTF: the layout of its types cannot be known; build it with "
                "CONFIG_DEBUG_INFO_BTF"
            )
        return Btf(data)

    def _base(self) -> int:
        """Return the address of _text; every list of init_task must tell the same."""
        found = {self._told(member) for member in LISTS}
        base = found.pop()
        if found or base is None or base % _PAGE or base >> 63 != 1:
            raise ImageError(
                f"{self._elf.path} does not tell for which addresses it was linked: the lists of its init_task do not "
                "refer to themselves; take the vmlinux of the package with debug symbols"
            )
        return base

    def _told(self, member: str) -> int | None:
        """Return the address of _text, as the list `member` of init_task tells it."""
        place = self.types.member("task_struct", member)
        if place is None:
            return None
        at = self._at["init_task"] + place.start
        for start, part in self._parts:
            if start <= at <= start + part.size - 8:
                offset = part.offset + at - start
                word = int.from_bytes(self._elf.bytes[offset : offset + 8], "little")
                return word - at if word else self._relocated(at)
        return None

    def _relocated(self, at: int) -> int | None:
        """Return the same where boot puts it in; vmlinux-to-elf knows it from the table of relocations."""
        base = self._parts[0][1].address
        data = self._elf.contents(".rela.dyn") if self._cut else self._contents(".rela.dyn")
        rows = _RELA.iter_unpack(data[: len(data) - len(data) % _RELA.size])
        return base if any(place == addend == base + at for place, _, addend in rows) else None
