"""DWARF: which source line an instruction comes from, and what a variable is made of.

Read when the first question is asked, and once.
"""

import os
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from io import BytesIO
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ctxrace.core.errors import ImageError, LimitReached
from ctxrace.core.limits import spend
from ctxrace.machine.layout import Layout, Member

if TYPE_CHECKING:
    from elftools.dwarf.compileunit import CompileUnit
    from elftools.dwarf.die import DIE
    from elftools.dwarf.dwarfinfo import DWARFInfo
    from elftools.elf.elffile import ELFFile

__all__ = ["DAMAGED", "READING", "DebugInformation", "Line", "Signature", "addresses", "elf_of", "reading"]

PEELED = frozenset({"typedef", "const_type", "volatile_type", "atomic_type", "restrict_type"})
READING = "reading debug information"
DAMAGED = "its debug information"
_SIGNED = (5, 6)  # DW_ATE_signed, DW_ATE_signed_char: DWARF 5, section 7.8


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


def elf_of(data: bytes) -> "ELFFile":
    """Return the reader of the ELF file whose bytes are `data`."""
    from elftools.elf.elffile import ELFFile  # takes a while, and what was read of most files is known
    return ELFFile(BytesIO(data))


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
    def _layouts(self) -> "_Layouts":
        return _Layouts(self._elf.elfclass // 8, self._elf.little_endian)

    @cached_property
    def _units(self) -> "tuple[DWARFInfo, list[CompileUnit]]":
        with reading(self._path, DAMAGED):
            if not self._elf.has_dwarf_info(strict=True):
                return None, []
            dwarf = self._elf.get_dwarf_info(follow_links=False)
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


class _Layouts:
    """Turns DWARF types into layouts, each once."""

    def __init__(self, word: int, little_endian: bool) -> None:
        self._word = word
        self._little_endian = little_endian
        self._known: dict[int, Layout | None] = {}

    def of(self, die: "DIE") -> Layout:
        """Return the layout of the type of `die`; an entry without a type is void."""
        if "DW_AT_type" not in die.attributes:
            return Layout(0)
        return self.of_type(die.get_DIE_from_attribute("DW_AT_type"))

    def of_type(self, kind: "DIE") -> Layout:
        """Return the layout of the type that the entry `kind` describes."""
        if kind.offset not in self._known:
            self._known[kind.offset] = None
            self._known[kind.offset] = self._layout(kind)
        layout = self._known[kind.offset]
        if layout is None:  # only damaged bytes say so, and following them would never end
            raise ValueError("a type contains itself")
        return layout

    def _layout(self, die: "DIE") -> Layout:
        tag = str(die.tag).removeprefix("DW_TAG_")
        if tag in PEELED:
            return self.of(die)
        if tag in ("structure_type", "union_type"):
            members = [m for child in die.iter_children() if child.tag == "DW_TAG_member" for m in self._members(child)]
            return Layout(_number(die, "DW_AT_byte_size") or 0, tuple(members))
        if tag == "array_type":
            layout = self.of(die)
            for child in reversed([child for child in die.iter_children() if child.tag == "DW_TAG_subrange_type"]):
                count, last = _number(child, "DW_AT_count"), _number(child, "DW_AT_upper_bound")
                if count is None and last is not None:
                    count = last + 1
                layout = Layout(layout.size * (count or 0), element=layout, count=count)
            return layout
        signed = _number(die, "DW_AT_encoding") in _SIGNED
        return Layout(_number(die, "DW_AT_byte_size") or (self._word if tag == "pointer_type" else 0), signed=signed)

    def _members(self, die: "DIE") -> Iterator[Member]:
        layout, name = self.of(die), _text(die, "DW_AT_name")
        offset = _number(die, "DW_AT_data_member_location") or 0
        bits = _number(die, "DW_AT_bit_size")
        if bits is not None:
            first = _number(die, "DW_AT_data_bit_offset")
            if first is None:  # before DWARF 4: counted from the top of the member's storage
                first = _number(die, "DW_AT_bit_offset") or 0
                if self._little_endian:
                    first = 8 * (_number(die, "DW_AT_byte_size") or layout.size) - first - bits
                first += 8 * offset
            yield Member(name, first // 8, layout, (first % 8, bits))
        elif name:
            yield Member(name, offset, layout)
        else:
            for member in layout.members:
                yield Member(member.name, offset + member.offset, member.layout, member.bits)


def _text(die: "DIE", attribute: str) -> str:
    value = die.attributes[attribute].value if attribute in die.attributes else b""
    return value.decode(errors="replace") if isinstance(value, bytes) else ""


def _number(die: "DIE", attribute: str) -> int | None:
    value = die.attributes[attribute].value if attribute in die.attributes else None
    return value if isinstance(value, int) else None  # an expression: computed at run time


def _unit_lines(dwarf: "DWARFInfo", unit: "CompileUnit") -> Iterator[Line]:
    program = dwarf.line_program_for_CU(unit)
    if program is None:
        return
    base = Path(_text(unit.get_top_DIE(), "DW_AT_comp_dir"))
    names = _file_names(program.header)
    row: Line | None = None
    for state in (entry.state for entry in program.get_entries() if entry.state is not None):
        spend(READING)
        if row is not None and row.line and row.start < state.address:
            yield row._replace(end=state.address)
        if state.end_sequence:
            row = None
        elif state.line == 0 and row is not None:  # made by the compiler: keep showing the line before
            row = row._replace(start=state.address)
        else:
            file = names.get(state.file, "")
            row = Line(state.address, state.address, file, base / file, state.line)


def _file_names(header: Mapping[str, Any]) -> dict[int, str]:
    first = 0 if header["version"] >= 5 else 1  # what the first file is called; directory 0 is where it was compiled
    directories = [b"", *header["include_directory"][1 - first :]]
    return {
        number: str(Path(os.fsdecode(directories[entry.dir_index]), os.fsdecode(entry.name)))
        for number, entry in enumerate(header["file_entry"], first)
    }


def _unit_calls(dwarf: "DWARFInfo", unit: "CompileUnit") -> Iterator[Line]:
    """Yield the calls of inline functions, an outer one before those inside of it."""
    names: dict[int, str] | None = None
    base = Path(_text(unit.get_top_DIE(), "DW_AT_comp_dir"))
    for die in unit.iter_DIEs():
        spend(READING)
        line = _number(die, "DW_AT_call_line") if die.tag == "DW_TAG_inlined_subroutine" else None
        if not line:
            continue
        if names is None:
            program = dwarf.line_program_for_CU(unit)
            names = _file_names(program.header) if program is not None else {}
        file = names.get(_number(die, "DW_AT_call_file") or 0)
        if file is not None:
            for start, end in _ranges(dwarf, unit, die):
                yield Line(start, end, file, base / file, line)


def _ranges(dwarf: "DWARFInfo", unit: "CompileUnit", die: "DIE") -> Iterator[tuple[int, int]]:
    """Yield the addresses that an entry covers: one range, or several where the compiler moved a part away."""
    low, high = _number(die, "DW_AT_low_pc"), _number(die, "DW_AT_high_pc")
    offset = _number(die, "DW_AT_ranges")
    if offset is None:
        if low is not None and high is not None:
            absolute = die.attributes["DW_AT_high_pc"].form.startswith("DW_FORM_addr")
            yield low, high if absolute else low + high
        return
    from elftools.dwarf.ranges import BaseAddressEntry
    base = _number(unit.get_top_DIE(), "DW_AT_low_pc") or 0
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
        if known and _text(die, "DW_AT_name") == name:
            yield die


def _unit_signatures(dwarf: "DWARFInfo", unit: "CompileUnit", layouts: _Layouts) -> Iterator[tuple[int, Signature]]:
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
                address += more
            case _:
                continue
        if "DW_AT_specification" in die.attributes:
            die = die.get_DIE_from_attribute("DW_AT_specification")
        yield address, _Variable(_text(die, "DW_AT_name"), die)
