"""Debug information as plain data: what a small file says of lines, calls, functions and variables, read at once."""

from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ctxrace.machine.dwarf import DebugInformation, Line, Signature
from ctxrace.machine.layout import Layout, Member

if TYPE_CHECKING:
    from elftools.elf.elffile import ELFFile

__all__ = ["KnownDebugInformation", "all_of"]


def all_of(debug: DebugInformation) -> dict[str, Any]:
    """Return all that `debug` says, as lists and numbers. Raises `ImageError` where DWARF is damaged."""
    files: dict[tuple[str, str], int] = {}

    def row(line: Line) -> list[int]:
        number = files.setdefault((line.file, str(line.path)), len(files))
        return [line.start, line.end, number, line.line]

    types = _Types()
    variables = [(address, debug.variable_at(address)) for address in debug.variables]
    return {
        "lines": [row(line) for line in debug.lines],
        "calls": [[number, *row(call)] for number, call in debug.calls],
        "functions": [[address, *signature] for address, signature in debug.signatures.items()],
        "variables": [[address, found[0], types.number(found[1])] for address, found in variables if found is not None],
        "types": types.rows,
        "files": list(files),
    }


class KnownDebugInformation(DebugInformation):
    """Answer from what `all_of` has returned; only what it does not have is read from the file.

    path, elf, code: as in `DebugInformation`.
    """

    def __init__(
        self, path: Path, elf: "Callable[[], ELFFile]", code: Sequence[tuple[int, int]], known: dict[str, Any]
    ) -> None:
        super().__init__(path, elf, code)
        files = [(file, Path(where)) for file, where in known["files"]]

        def line(start: int, end: int, number: int, at: int) -> Line:
            return Line(start, end, *files[number], at)

        lines = [line(*row) for row in known["lines"]]
        calls = [(number, line(*row)) for number, *row in known["calls"]]
        self._lines = [each.start for each in lines], lines
        self._calls = [call.start for _, call in calls], calls, list(accumulate((call.end for _, call in calls), max))
        self._signatures = {address: Signature(*row) for address, *row in known["functions"]}
        self._known = {address: (name, number) for address, name, number in known["variables"]}
        self._types = known["types"]

    def variable_at(self, address: int) -> tuple[str, Layout] | None:
        """Return name and layout of the variable that starts at `address`."""
        found = self._known.get(address)
        return None if found is None else (found[0], self._made[found[1]])

    @cached_property
    def _made(self) -> list[Layout]:
        made: list[Layout] = []
        for size, members, element, count, signed in self._types:
            inside = tuple(
                Member(name, offset, made[number], None if bits is None else (bits[0], bits[1]))
                for name, offset, number, bits in members
            )
            made.append(Layout(size, inside, None if element is None else made[element], count, signed))
        return made


class _Types:
    """Layouts as rows that name one another by their numbers: each once, and after those that it is made of."""

    def __init__(self) -> None:
        self.rows: list[list[Any]] = []
        self._numbers: dict[int, int] = {}
        self._kept: list[Layout] = []  # as long as they live, no other one has the same id

    def number(self, layout: Layout) -> int:
        """Return the number of `layout`."""
        known = self._numbers.get(id(layout))
        if known is None:
            members = [[each.name, each.offset, self.number(each.layout), each.bits] for each in layout.members]
            element = None if layout.element is None else self.number(layout.element)
            known = self._numbers[id(layout)] = len(self.rows)
            self.rows.append([layout.size, members, element, layout.count, layout.signed])
            self._kept.append(layout)
        return known
