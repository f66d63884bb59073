"""What a search knows of shared memory: cells with values, and who last wrote the bytes that are asked about."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from ctxrace.bpf.programs.follow.values import Lost, Pointer, Region, Scalar, Value, constant

__all__ = ["NOBODY", "Cell", "Memory", "Pending", "read_cell", "settled", "write_cell"]

NOBODY = -1
SMALL = 8  # numbers up to it, and down to its negative, are told apart however they come about


@dataclass(frozen=True, slots=True)
class Cell:
    """Bytes whose value decides what a program does. initial: what they hold at first."""

    region: Region
    low: int
    high: int
    initial: Value

    @property
    def bits(self) -> int:
        """The width."""
        return 8 * (self.high - self.low)


class Pending(NamedTuple):
    """A load whose value is to be stored again. dirty: whether the other has written the cell since."""

    value: Value
    dirty: bool = False


class Memory(NamedTuple):
    """Shared memory. cells: their values, in the order of the cells. owner: who last wrote the bytes in question.

    doubt: whether the owner may have been overwritten by the one that sends, by an access whose extent is not known.
    """

    cells: tuple[Value, ...]
    owner: int = NOBODY
    doubt: bool = False


def read_cell(cell: Cell, value: Value, low: int, size: int) -> Value | None:
    """Return `size` bytes at offset `low` of the region; None where they are not known."""
    if cell.low == low and cell.high == low + size:
        return value
    if cell.low <= low and low + size <= cell.high and isinstance(value, Scalar) and value.low == value.high:
        return constant(value.low >> 8 * (low - cell.low) & ((1 << 8 * size) - 1))
    return None


def write_cell(cell: Cell, before: Value, low: int, high: int, value: Value | None) -> Value:
    """Return what the cell holds after bytes `low` to `high` of its region have become `value`, None for unknown."""
    if value is not None and cell.low == low and cell.high == high:
        return value
    unknown = Scalar(0, (1 << cell.bits) - 1)
    if not (isinstance(value, Scalar) and value.low == value.high and isinstance(before, Scalar)):
        return unknown
    if before.low != before.high or low < cell.low or high > cell.high:
        return unknown
    shift, mask = 8 * (low - cell.low), (1 << 8 * (high - low)) - 1
    return constant(before.low & ~(mask << shift) | (value.low & mask) << shift)


def settled(cell: Cell, value: Value, constants: frozenset[int]) -> Value:
    """Return `value` as the cell keeps it: numbers that only counting can reach are not told apart."""
    if isinstance(value, Pointer | Lost):
        return Scalar(0, (1 << cell.bits) - 1)
    name, mask = value.name, (1 << cell.bits) - 1
    if name is not None and name[0] == "begin":
        return Scalar(name[2], name[3], name)  # what it was at first, and no more of a range
    if value.low == value.high:
        number = value.low & mask
        if number <= SMALL or number >= (1 << cell.bits) - SMALL or number in constants:
            return constant(number)
    near = name is not None and name[0] == "add" and min(name[3], (1 << name[2]) - name[3]) <= SMALL
    if value.low == value.high or (name is not None and name[0] == "add"):
        return Scalar(0, mask, name if near else None)
    return value._replace(origins=frozenset())


def tagged(value: Value, side: int) -> Value:
    """Return a value as it is kept in memory: its name says whose it is."""
    name = None if isinstance(value, Lost) else value.name
    if name is None or name[0] in ("cpu", "cell", "rodata", "core", "of", "begin"):
        return value
    assert not isinstance(value, Lost)
    return value._replace(name=("of", side, name))


def untagged(value: Value, side: int) -> Value:
    """Return a value from memory as the program `side` finds it."""
    name: Any = None if isinstance(value, Lost) else value.name
    if name is not None and name[0] == "of" and name[1] == side:
        assert not isinstance(value, Lost)
        return value._replace(name=name[2])
    return value


def without_names(cells: tuple[Value, ...], side: int) -> tuple[Value, ...]:
    """Return the cells at the end of an invocation of `side`: the next one's numbers are others."""
    return tuple(
        value._replace(name=None)
        if not isinstance(value, Lost) and value.name is not None and value.name[:2] == ("of", side)
        else value
        for value in cells
    )


__all__ += ["tagged", "untagged", "without_names"]
