"""DWARF of a file that is too large to be read whole: of each address only its compilation unit is read."""

import io
from bisect import bisect_right
from functools import cached_property
from mmap import mmap

from elftools.dwarf.aranges import ARanges
from elftools.dwarf.compileunit import CompileUnit
from elftools.dwarf.dwarfinfo import DebugSectionDescriptor, DwarfConfig, DWARFInfo

from ctxrace.core.limits import spend
from ctxrace.machine.dwarf import DAMAGED, READING, DebugInformation, Line, addresses, reading
from ctxrace.machine.elf_file import ElfFile

__all__ = ["LargeDebugInformation"]

_MACHINES = {"EM_AARCH64": "AArch64", "EM_X86_64": "x64", "EM_RISCV": "RISC-V"}
_SECTIONS = ("info", "aranges", "abbrev", "frame", "str", "loc", "ranges", "line", "pubtypes", "pubnames", "addr",
             "types", "str_offsets", "line_str", "loclists", "rnglists", "sup")  # fmt: skip
_MOST_UNITS = 64  # that are kept: a run touches few files


class LargeDebugInformation:
    """Answer questions about lines from the DWARF sections of `elf`; without them, every answer is None.

    The unit of an address is looked up in .debug_aranges, or without that section, which clang leaves out, in what each
    unit says of itself.
    """

    def __init__(self, elf: ElfFile) -> None:
        self._elf = elf
        self._units: dict[int, DebugInformation] = {}

    @property
    def known(self) -> bool:
        """Whether there is any debug information."""
        return self._elf.section(".debug_info") is not None

    def line_at(self, address: int) -> Line | None:
        """Return where the instruction at `address` comes from; raise `ImageError` where DWARF is damaged."""
        unit = self._unit_of(address)
        return unit.line_at(address) if unit is not None else None

    def calls_at(self, address: int) -> list[Line]:
        """Return the calls of inline functions that the instruction at `address` belongs to, innermost first."""
        unit = self._unit_of(address)
        return unit.calls_at(address) if unit is not None else []

    def _unit_of(self, address: int) -> DebugInformation | None:
        with reading(self._elf.path, DAMAGED):
            if self._dwarf is None:
                return None
            offset = self._offset_of(address)
            if offset is None:
                return None
            if offset not in self._units:
                if len(self._units) >= _MOST_UNITS:
                    del self._units[next(iter(self._units))]
                code = [(s.address, s.size) for s in self._elf.sections if s.loaded and s.executable]
                self._units[offset] = _OneUnit(self._elf, code, self._dwarf, self._dwarf.get_CU_at(offset))
            return self._units[offset]

    def _offset_of(self, address: int) -> int | None:
        if self._aranges is not None:
            known: int | None = self._aranges.cu_offset_at_addr(address)
            return known
        starts, ranges = self._ranges
        found = ranges[bisect_right(starts, address) - 1] if starts and address >= starts[0] else None
        return found[2] if found is not None and address < found[1] else None

    @cached_property
    def _ranges(self) -> tuple[list[int], list[tuple[int, int, int]]]:
        """The addresses of each unit, in order: start, end, and where the unit is."""
        assert self._dwarf is not None
        found = []
        for unit in self._dwarf.iter_CUs():
            spend(READING)
            found += [(start, end, unit.cu_offset) for start, end in addresses(self._dwarf, unit) if start]
        found.sort()
        return [start for start, _, _ in found], found

    @cached_property
    def _aranges(self) -> ARanges | None:
        if self._dwarf is None or self._elf.section(".debug_aranges") is None:
            return None
        return self._dwarf.get_aranges()  # of a kernel, 20,000 ranges: read once

    @cached_property
    def _dwarf(self) -> DWARFInfo | None:
        if not self.known:
            return None
        found = {f"debug_{name}_sec": self._section(f".debug_{name}") for name in _SECTIONS}
        machine = _MACHINES[self._elf.arch.elf_machine]
        config = DwarfConfig(little_endian=True, machine_arch=machine, default_address_size=self._elf.arch.word)
        return DWARFInfo(config=config, eh_frame_sec=None, gnu_debugaltlink_sec=None, **found)

    def _section(self, name: str) -> DebugSectionDescriptor | None:
        header = self._elf.section(name)
        if header is None:
            return None
        window = _Window(self._elf.bytes, header.offset, header.size)
        return DebugSectionDescriptor(window, name, header.offset, header.size, header.address)


class _OneUnit(DebugInformation):
    """The debug information of one compilation unit."""

    def __init__(self, elf: ElfFile, code: list[tuple[int, int]], dwarf: DWARFInfo, unit: CompileUnit) -> None:
        super().__init__(elf.path, lambda: elf, code)
        self._only = dwarf, [unit]

    @cached_property
    def _units(self) -> tuple[DWARFInfo, list[CompileUnit]]:
        return self._only


class _Window(io.RawIOBase):
    """A part of a memory map as a file."""

    def __init__(self, data: mmap, start: int, size: int) -> None:
        super().__init__()
        self._data, self._start, self._size, self._at = data, start, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, size: int = -1) -> bytes:
        end = self._size if size < 0 else min(self._size, self._at + size)
        found = self._data[self._start + self._at : self._start + max(end, self._at)]
        self._at += len(found)
        return found
