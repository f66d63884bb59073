"""DWARF: which source line an instruction comes from, and what a variable is made of.

Read when the first question is asked, and once.
"""

import os
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ctxrace.core.errors import ImageError, LimitReached
from ctxrace.core.limits import spend
from ctxrace.machine.dwarf_types import Layouts, number_of, text_of
from ctxrace.machine.layout import Layout

if TYPE_CHECKING:
    from elftools.dwarf.compileunit import CompileUnit
    from elftools.dwarf.die import DIE
    from elftools.dwarf.dwarfinfo import DWARFInfo
    from elftools.elf.elffile import ELFFile

__all__ = ["DAMAGED", "READING", "DebugInformation", "Line", "Signature", "addresses", "reading"]

READING = "reading debug information"
DAMAGED = "its debug information"
_LAST = (1 << 64) - 1  # address
_MOST_LINES = 1 << 32  # of a file


class Line(NamedTuple):
    """The instructions from address `start` up to `end` come from `line` of `file`.

    file: as it was given to the compiler; path: where the compiler found it.
    """

    start: int
    end: int
    file: str
    path: Path
    line: int


class Signature(NamedTuple):
    """How many arguments a function takes, and how many bytes it returns, 0 for void."""

    parameters: int
    result: int


class _Variable(NamedTuple):
    name: str
    die: "DIE"  # the entry that has its type


_OF_THE_LIBRARY = ("_elf", "_layouts", "_units", "_variables")
"""What `DebugInformation` keeps that pyelftools made, and that cannot be pickled."""


class DebugInformation:
    """Answer questions from the DWARF sections of one ELF file; without them, every answer is None.

    path: for messages; elf: opens the file; code: address and size of each executable section.
    """

    def __init__(self, path: Path, elf: "Callable[[], ELFFile]", code: Sequence[tuple[int, int]]) -> None:
        self._path = path
        self._open = elf
        self._code = code

    def __getstate__(self) -> dict[str, Any]:
        """Return what another process needs: what the library read there is read again where it is asked for."""
        return {name: value for name, value in self.__dict__.items() if name not in _OF_THE_LIBRARY}

    def line_at(self, address: int) -> Line | None:
        """Return where the instruction at `address` comes from; raise `ImageError` where DWARF is damaged."""
        starts, lines = self._lines
        found = lines[bisect_right(starts, address) - 1] if starts and address >= starts[0] else None
        return found if found is not None and address < found.end else None

    def calls_at(self, address: int) -> list[Line]:
        """Return the calls of inline functions that the instruction at `address` belongs to, innermost first.

        Each is the line of the call, and what it covers. Raises as `line_at`.
        """
        starts, calls, reach = self._calls
        found = []
        index = bisect_right(starts, address) - 1
        while index >= 0 and reach[index] > address:
            if address < calls[index][1].end:
                found.append(calls[index])
            index -= 1
        return [call for _, call in sorted(found, key=lambda entry: -entry[0])]

    def variable_at(self, address: int) -> tuple[str, Layout] | None:
        """Return name and layout of the variable that starts at `address`; raise as `line_at`."""
        variable = self._variables.get(address)
        if variable is None:
            return None
        with reading(self._path, DAMAGED):
            return variable.name, self._layouts.of(variable.die)

    def structs(self, name: str) -> list[Layout]:
        """Return the layout of ``struct name`` in each file that defines it: they may differ. Raises as `line_at`."""
        _, units = self._units
        with reading(self._path, DAMAGED):
            return [self._layouts.of_type(die) for unit in units for die in _unit_structs(unit, name)]

    @property
    def lines(self) -> list[Line]:
        """All lines by address. Raises as `line_at`."""
        return self._lines[1]

    @property
    def calls(self) -> list[tuple[int, Line]]:
        """All calls of inline functions by address, numbered so that an inner one has the larger number."""
        return self._calls[1]

    @property
    def signatures(self) -> Mapping[int, Signature]:
        """What is known of functions, by address. Raises as `line_at`."""
        return self._signatures

    @property
    def variables(self) -> Iterable[int]:
        """Where variables start. Raises as `line_at`."""
        return self._variables

    @cached_property
    def _elf(self) -> "ELFFile":
        return self._open()

    @cached_property
    def _layouts(self) -> "Layouts":
        return Layouts(self._elf.elfclass // 8, self._elf.little_endian)

    @cached_property
    def _units(self) -> "tuple[DWARFInfo, list[CompileUnit]]":
        with reading(self._path, DAMAGED):
            if not self._elf.has_dwarf_info(strict=True):
                return None, []
            relocatable = self._elf["e_type"] == "ET_REL"  # in others the linker has put in the addresses
            dwarf = self._elf.get_dwarf_info(relocate_dwarf_sections=relocatable, follow_links=False)
            return dwarf, list(dwarf.iter_CUs())

    @cached_property
    def _lines(self) -> tuple[list[int], list[Line]]:
        dwarf, units = self._units
        with reading(self._path, DAMAGED):
            found = [line for unit in units for line in _unit_lines(dwarf, unit)]
        # The linker leaves lines of dropped functions behind, at address 0.
        found = [line for line in found if any(start <= line.start < start + size for start, size in self._code)]
        found.sort(key=lambda line: line.start)
        return [line.start for line in found], found

    @cached_property
    def _calls(self) -> tuple[list[int], list[tuple[int, Line]], list[int]]:
        """The calls of inline functions by address, numbered so that an inner one has the larger number.

        With their starts, and the highest end of each and all before it.
        """
        dwarf, units = self._units
        with reading(self._path, DAMAGED):
            calls = list(enumerate(call for unit in units for call in _unit_calls(dwarf, unit)))
        calls.sort(key=lambda entry: entry[1].start)
        return [call.start for _, call in calls], calls, list(accumulate((call.end for _, call in calls), max))

    def signature_at(self, address: int) -> Signature | None:
        """Return what the function at `address` takes and returns; None where nothing is known; raise as `line_at`."""
        return self._signatures.get(address)

    @cached_property
    def _signatures(self) -> dict[int, Signature]:
        dwarf, units = self._units
        with reading(self._path, DAMAGED):
            return dict(found for unit in units for found in _unit_signatures(dwarf, unit, self._layouts))

    @cached_property
    def _variables(self) -> dict[int, _Variable]:
        dwarf, units = self._units
        with reading(self._path, DAMAGED):
            return {address: variable for unit in units for address, variable in _unit_variables(dwarf, unit)}


@contextmanager
def reading(path: Path, what: str) -> Iterator[None]:
    """Turn whatever goes wrong while `what` is read from `path` into an `ImageError`."""
    # Damaged bytes make pyelftools fail in every way that Python knows, and none of them is the user's traceback.
    try:
        yield
    except (ImageError, LimitReached):
        raise
    except Exception as error:
        raise ImageError(
            f"{path} is damaged: {what} cannot be read ({type(error).__name__}: {error}); build it again"
        ) from error


def _unit_lines(dwarf: "DWARFInfo", unit: "CompileUnit") -> Iterator[Line]:
    program = dwarf.line_program_for_CU(unit)
    if program is None:
        return
    base = Path(text_of(unit.get_top_DIE(), "DW_AT_comp_dir"))
    files = _files(program.header, base)
    row: Line | None = None
    for state in (entry.state for entry in program.get_entries() if entry.state is not None):
        spend(READING)
        if not 0 <= state.line < _MOST_LINES:
            raise ValueError(f"a line has the number {state.line:#x}")
        address = state.address & _LAST
        if row is not None and row.line and row.start < address:
            yield row._replace(end=address)
        if state.end_sequence:
            row = None
        elif state.line == 0 and row is not None:  # made by the compiler: keep showing the line before
            row = row._replace(start=address)
        else:
            row = Line(address, address, *files.get(state.file, ("", base)), state.line)


def _files(header: Mapping[str, Any], base: Path) -> dict[int, tuple[str, Path]]:
    """Return by number what each file is called, and where it is. base: the directory where it was compiled."""
    first = 0 if header["version"] >= 5 else 1  # what the first file is called; directory 0 is where it was compiled
    directories = [b"", *header["include_directory"][1 - first :]]
    paths = (Path(os.fsdecode(directories[entry.dir_index]), os.fsdecode(entry.name)) for entry in header["file_entry"])
    return {number: (str(path), base / path) for number, path in enumerate(paths, first)}


def _unit_calls(dwarf: "DWARFInfo", unit: "CompileUnit") -> Iterator[Line]:
    """Yield the calls of inline functions, an outer one before those inside of it."""
    files: dict[int, tuple[str, Path]] | None = None
    base = Path(text_of(unit.get_top_DIE(), "DW_AT_comp_dir"))
    for die in unit.iter_DIEs():
        spend(READING)
        line = number_of(die, "DW_AT_call_line") if die.tag == "DW_TAG_inlined_subroutine" else None
        if not line:
            continue
        if files is None:
            program = dwarf.line_program_for_CU(unit)
            files = _files(program.header, base) if program is not None else {}
        file = files.get(number_of(die, "DW_AT_call_file") or 0)
        if file is not None and 0 < line < _MOST_LINES:
            for start, end in _ranges(dwarf, unit, die):
                yield Line(start, end, *file, line)


def _ranges(dwarf: "DWARFInfo", unit: "CompileUnit", die: "DIE") -> Iterator[tuple[int, int]]:
    """Yield the addresses that an entry covers: one range, or several where the compiler moved a part away.

    Of what the linker has dropped, they may begin at the last address, and are none.
    """
    for start, end in _stated_ranges(dwarf, unit, die):
        yield start & _LAST, end & _LAST


def _stated_ranges(dwarf: "DWARFInfo", unit: "CompileUnit", die: "DIE") -> Iterator[tuple[int, int]]:
    low, high = number_of(die, "DW_AT_low_pc"), number_of(die, "DW_AT_high_pc")
    offset = number_of(die, "DW_AT_ranges")
    if offset is None:
        if low is not None and high is not None:
            absolute = die.attributes["DW_AT_high_pc"].form.startswith("DW_FORM_addr")
            yield low, high if absolute else low + high
        return
    from elftools.dwarf.ranges import BaseAddressEntry
    base = number_of(unit.get_top_DIE(), "DW_AT_low_pc") or 0
    for entry in dwarf.range_lists().get_range_list_at_offset(offset, unit):
        if isinstance(entry, BaseAddressEntry):
            base = entry.base_address
        else:
            start = 0 if entry.is_absolute else base
            yield start + entry.begin_offset, start + entry.end_offset


def addresses(dwarf: "DWARFInfo", unit: "CompileUnit") -> Iterator[tuple[int, int]]:
    """Yield the addresses of the code of `unit`, each from a start up to an end."""
    return _ranges(dwarf, unit, unit.get_top_DIE())


def _unit_structs(unit: "CompileUnit", name: str) -> "Iterator[DIE]":
    """Yield the definitions of ``struct name`` at file scope."""
    for die in unit.get_top_DIE().iter_children():
        spend(READING)
        known = die.tag == "DW_TAG_structure_type" and "DW_AT_declaration" not in die.attributes
        if known and text_of(die, "DW_AT_name") == name:
            yield die


def _unit_signatures(dwarf: "DWARFInfo", unit: "CompileUnit", layouts: Layouts) -> Iterator[tuple[int, Signature]]:
    """Yield where each function begins, with what it takes and returns."""
    for die in unit.iter_DIEs():
        spend(READING)
        if die.tag != "DW_TAG_subprogram":
            continue
        starts = [start for start, _ in _ranges(dwarf, unit, die)]
        for attribute in ("DW_AT_abstract_origin", "DW_AT_specification"):
            if attribute in die.attributes:
                die = die.get_DIE_from_attribute(attribute)
        parameters = sum(child.tag == "DW_TAG_formal_parameter" for child in die.iter_children())
        for start in starts:
            yield start, Signature(parameters, layouts.of(die).size)


def _unit_variables(dwarf: "DWARFInfo", unit: "CompileUnit") -> Iterator[tuple[int, _Variable]]:
    from elftools.dwarf.dwarf_expr import DWARFExprParser
    parser = DWARFExprParser(unit.structs)
    for die in unit.iter_DIEs():
        spend(READING)
        location = die.attributes.get("DW_AT_location")
        if die.tag != "DW_TAG_variable" or location is None or not isinstance(location.value, list):
            continue
        operations = [(operation.op_name, *operation.args) for operation in parser.parse_expr(location.value)]
        match operations:
            case [("DW_OP_addr", address), *rest]:
                pass
            case [("DW_OP_addrx", index), *rest]:
                address = dwarf.get_addr(unit, index)
            case _:
                continue
        match rest:
            case []:
                pass
            case [("DW_OP_plus_uconst", more)]:  # clang merges small static variables into one
                address += more & _LAST
            case _:
                continue
        if "DW_AT_specification" in die.attributes:
            die = die.get_DIE_from_attribute("DW_AT_specification")
        yield address & _LAST, _Variable(text_of(die, "DW_AT_name"), die)
