"""What a register or a stack slot may hold: ranges of numbers, pointers into regions of memory.

A value stands for every number or pointer that it covers. `LOST` covers everything, also pointers that are shared.
"""

from enum import StrEnum
from typing import Any, NamedTuple

from ctxrace.bpf.programs.isa.arithmetic import MASK32, MASK64, operate, sign_extend, swap_bytes

__all__ = [
    "FARTHEST",
    "LOST",
    "UNKNOWN",
    "Lost",
    "Pointer",
    "Region",
    "Scalar",
    "Space",
    "Spot",
    "Value",
    "alu",
    "constant",
    "join",
    "origins_of",
    "ranged",
]

NONE: frozenset[int] = frozenset()
MOST_SPOTS = 8
DEEPEST_NAME = 3
FARTHEST_SUM = 4096  # that a name tells apart
SIGN = 1 << 63
FARTHEST = 1 << 32  # from the beginning of a region: eight times BPF_MAX_VAR_OFF in include/linux/bpf_verifier.h


class Space(StrEnum):
    """The kinds of memory, and of what else a pointer may point to."""

    STACK = "stack"
    DATA = "data"
    ELEMENT = "element"
    RECORD = "record"
    MAP = "map"
    CONTEXT = "context"
    CODE = "code"
    KERNEL = "kernel"


class Region(NamedTuple):
    """A piece of memory that offsets count in.

    name: of the map or section, or the number of the frame. key: which element, as a number, as a name of a value
    (``("cpu",)``), or ``("?", place)`` for one that is not known.
    """

    space: Space
    name: str
    key: Any = None


class Spot(NamedTuple):
    """Offsets from `low` to `high` in a region, both included."""

    region: Region
    low: int
    high: int


class Scalar(NamedTuple):
    """An unsigned 64-bit number from `low` to `high`, both included.

    name: what it is computed from, where equal names mean equal numbers. origins: the nodes that it comes from.
    """

    low: int
    high: int
    name: Any = None
    origins: frozenset[int] = NONE


class Pointer(NamedTuple):
    """A pointer to one of several spots, or NULL where `null` says so. name, origins: as for `Scalar`."""

    spots: tuple[Spot, ...]
    null: bool = False
    name: Any = None
    origins: frozenset[int] = NONE


class Lost(NamedTuple):
    """Any number, and any pointer that the program has."""

    origins: frozenset[int] = NONE


Value = Scalar | Pointer | Lost
UNKNOWN, LOST = Scalar(0, MASK64), Lost()


def constant(number: int) -> Scalar:
    """Return the value that is one number."""
    return Scalar(number & MASK64, number & MASK64)


def ranged(low: int, high: int, origins: frozenset[int] = NONE, name: Any = None) -> Scalar:  # noqa: ANN401
    """Return the numbers from `low` to `high`; all of them where that is no range of unsigned 64-bit numbers."""
    return Scalar(low, high, name, origins) if 0 <= low <= high <= MASK64 else Scalar(0, MASK64, name, origins)


def origins_of(*values: Value) -> frozenset[int]:
    """Return the nodes that any of the values comes from."""
    found = NONE
    for value in values:
        if value.origins and value.origins != found:
            found = found | value.origins
    return found


def join(first: Value, second: Value) -> Value:
    """Return a value that covers both."""
    if first == second:
        return first
    origins = origins_of(first, second)
    if isinstance(first, Scalar) and isinstance(second, Scalar):
        name = first.name if first.name == second.name else None
        return Scalar(min(first.low, second.low), max(first.high, second.high), name, origins)
    if isinstance(first, Lost) or isinstance(second, Lost):
        return Lost(origins)
    if isinstance(first, Scalar):
        first, second = second, first
    assert isinstance(first, Pointer)
    if isinstance(second, Scalar):
        return first._replace(null=True, origins=origins, name=None) if second.high == 0 else Lost(origins)
    return _join_pointers(first, second, origins)


def _join_pointers(first: Pointer, second: Pointer, origins: frozenset[int]) -> Value:
    spots = {spot.region: spot for spot in first.spots}
    for spot in second.spots:
        known = spots.get(spot.region, spot)
        spots[spot.region] = Spot(spot.region, min(known.low, spot.low), max(known.high, spot.high))
    if len(spots) > MOST_SPOTS:
        return Lost(origins)
    ordered = tuple(sorted(spots.values(), key=repr))
    name = first.name if first.name == second.name else None
    return Pointer(ordered, first.null or second.null, name, origins)


# What operations make of values.


def alu(operation: str, bits: int, first: Value, second: Value) -> Value:
    """Return what ``first operation second`` on `bits` may be; `first` is ignored by ``mov``."""
    if operation == "mov" and bits == 64:
        return second
    if isinstance(first, Pointer) or (isinstance(second, Pointer) and operation != "neg"):
        return _with_pointer(operation, bits, first, second)
    if isinstance(first, Lost) or isinstance(second, Lost):
        return Lost(origins_of(first, second)) if operation in ("mov", "add", "sub", "and", "or") else UNKNOWN
    if isinstance(second, Pointer):  # whose negation is no pointer, and `neg` looks at its first operand alone
        second = UNKNOWN
    if first.low == first.high and second.low == second.high:
        result = operate(operation, bits, first.low, second.low)
        name = None if first.name is None else _name(operation, bits, first, second)
        return Scalar(result, result, name, origins_of(first, second) if first.origins or second.origins else NONE)
    origins = origins_of(first, second)
    low, high = _range(operation, bits, first, second)
    return Scalar(low, high, _name(operation, bits, first, second), origins)


def _with_pointer(operation: str, bits: int, first: Value, second: Value) -> Value:
    origins = origins_of(first, second)
    if bits == 64 and operation == "add" and isinstance(second, Pointer) and not isinstance(first, Pointer):
        first, second = second, first
    if bits == 64 and operation in ("add", "sub") and isinstance(first, Pointer) and isinstance(second, Scalar):
        low, high = _signed(second)
        if operation == "sub":
            low, high = -high, -low
        spots = tuple(
            Spot(spot.region, max(spot.low + low, -FARTHEST), min(spot.high + high, FARTHEST)) for spot in first.spots
        )
        return Pointer(spots, first.null, None, origins)
    if bits == 64 and operation == "sub" and isinstance(first, Pointer) and isinstance(second, Pointer):
        return Scalar(0, MASK64, None, origins)
    if bits == 64 and operation in ("and", "or"):  # aligning a pointer keeps it in its region, but nobody does it
        return Lost(origins)
    if bits == 64 and operation in ("add", "sub"):
        return Lost(origins)
    return Scalar(0, MASK64 if bits == 64 else MASK32, None, origins)


def _signed(value: Scalar) -> tuple[int, int]:
    """Return the range of an offset, which is signed; one that may be of both signs is cut at 32 bits."""
    if value.high < SIGN:
        return value.low, min(value.high, MASK32)
    if value.low >= SIGN:
        return max(value.low - MASK64 - 1, -MASK32), value.high - MASK64 - 1
    return -MASK32, MASK32


def _range(operation: str, bits: int, first: Scalar, second: Scalar) -> tuple[int, int]:
    mask = (1 << bits) - 1
    (a, b), (c, d) = _within(first, bits), _within(second, bits)
    low, high = 0, mask
    match operation:
        case "mov":
            low, high = c, d
        case "add" if b + d <= mask:
            low, high = a + c, b + d
        case "add" if a + c > mask:
            low, high = a + c - mask - 1, b + d - mask - 1
        case "sub" if a >= d:
            low, high = a - d, b - c
        case "mul" if b * d <= mask:
            low, high = a * c, b * d
        case "div" if c > 0:
            low, high = a // d, b // c
        case "mod" if c > 0:
            low, high = (a, b) if b < c else (0, min(b, d - 1))
        case "and":
            low, high = 0, min(b, d)
        case "or" | "xor":
            low, high = (max(a, c) if operation == "or" else 0), (1 << max(b, d).bit_length()) - 1
        case "lsh" if c == d and b << c % bits <= mask:
            low, high = a << c % bits, b << c % bits
        case "rsh" if c == d:
            low, high = a >> c % bits, b >> c % bits
        case "rsh":
            low, high = 0, b
        case "arsh" if c == d and not b >> (bits - 1):
            low, high = a >> c % bits, b >> c % bits
        case _:
            pass
    return low, high


def _within(value: Scalar, bits: int) -> tuple[int, int]:
    """Return the range of the lowest `bits`."""
    if bits == 64 or value.high <= MASK32:
        return value.low, value.high
    if value.low >> 32 == value.high >> 32:
        return value.low & MASK32, value.high & MASK32
    return 0, MASK32


def _name(operation: str, bits: int, first: Scalar, second: Scalar) -> Any:  # noqa: ANN401
    """Return the name of a result: that of what it is computed from, with the operations after it."""
    if operation == "mov":
        return None if second.name is None else _low(second.name)
    if first.name is None or second.low != second.high:
        return None
    if bits == 64 and second.low == 32 and operation in ("lsh", "rsh"):
        if operation == "rsh" and first.name[0] == "lsh32":
            return _low(first.name[1])
        return (f"{operation}32", first.name)
    if bits == 64 and operation == "and" and second.low == MASK32:
        return _low(first.name)
    if operation in ("add", "sub"):
        return _sum(first.name, bits, second.low if operation == "add" else -second.low)
    return (operation, first.name, bits, second.low) if _depth(first.name) < DEEPEST_NAME else None


def _sum(name: Any, bits: int, number: int) -> Any:  # noqa: ANN401
    """Return the name of what is called `name` plus a number: its own where a sum is taken back."""
    if name[0] == "add" and name[2] == bits:
        name, number = name[1], number + name[3]
    number &= MASK64 if bits == 64 else MASK32
    if number == 0:
        small = bits == 64 or (name[0] == "begin" and name[3] <= MASK32)
        return name if small else _low(name)
    far = min(number, (1 << bits) - number) > FARTHEST_SUM
    return None if far or _depth(name) >= DEEPEST_NAME else ("add", name, bits, number)


def _low(name: Any) -> Any:  # noqa: ANN401
    return name if name[0] in ("low", "cpu", "rsh32") else ("low", name)


def _depth(name: Any) -> int:  # noqa: ANN401
    depth = 0
    while isinstance(name, tuple) and len(name) > 1 and isinstance(name[1], tuple):
        depth, name = depth + 1, name[1]
    return depth


def extend(value: Value, from_bits: int, to_bits: int) -> Value:
    """Return the lowest `from_bits` with their sign, as a number of `to_bits`."""
    if not isinstance(value, Scalar):
        return Lost(value.origins) if from_bits == 64 else Scalar(0, MASK64, None, value.origins)
    if value.low == value.high:
        return constant(sign_extend(value.low, from_bits) & ((1 << to_bits) - 1))._replace(origins=value.origins)
    if value.high < 1 << (from_bits - 1):
        return value
    return Scalar(0, (1 << to_bits) - 1, None, value.origins)


def swapped(value: Value, bits: int, *, swap: bool) -> Value:
    """Return the lowest `bits` with or without their bytes in the opposite order."""
    if isinstance(value, Scalar) and value.low == value.high:
        low = swap_bytes(value.low, bits) if swap else value.low & ((1 << bits) - 1)
        return constant(low)._replace(origins=value.origins)
    return Scalar(0, (1 << bits) - 1, None, value.origins)


__all__ += ["extend", "swapped"]
