"""Where a program is and what it holds: nodes of the followed code, call frames, registers and stack slots."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from ctxrace.bpf.programs.follow.values import UNKNOWN, Lost, Scalar, Value, constant, join

__all__ = ["IRQ_OFF", "PREEMPT_OFF", "STACK_SIZE", "Env", "Frame", "Node", "is_register", "register", "slot"]

STRIDE = 1024
STACK_SIZE = 512  # MAX_BPF_STACK in include/linux/filter.h
FIRST_SLOT = 16
PREEMPT_OFF, IRQ_OFF = -1, -2
"""Locations that count how often preemption, and interrupts, were switched off by the program itself."""


class Frame(NamedTuple):
    """One call: the frame of the caller, where it goes on, and what happens when the function returns.

    callback: the name of the routine that calls the function again and again, empty for an ordinary call.
    """

    number: int
    depth: int
    caller: int
    section: str
    back: int
    callback: str = ""
    entry: int = 0


class Node(NamedTuple):
    """An instruction within a chain of calls."""

    frame: int
    section: str
    slot: int


def register(depth: int, number: int) -> int:
    """Return the location of a register of the frame at `depth`."""
    return depth * STRIDE + number


def slot(depth: int, offset: int) -> int:
    """Return the location of the byte of a stack at `offset`, from -512 to -1."""
    return depth * STRIDE + FIRST_SLOT + STACK_SIZE + offset


def is_register(location: int) -> bool:
    """Return whether a location is a register."""
    return location >= 0 and location % STRIDE < FIRST_SLOT


class Env:
    """Registers and stack slots by location, with a record of which are used, set, or perhaps set (touched).

    A slot holds its size in bytes and its value. missing: what a location holds that has none.
    """

    __slots__ = ("missing", "set_", "slots", "touched", "used", "values")

    def __init__(
        self, values: dict[int, Value] | None = None, slots: dict[int, tuple[int, Value]] | None = None,
        missing: Value = UNKNOWN,
    ) -> None:  # fmt: skip
        self.values = {} if values is None else values
        self.slots = {} if slots is None else slots
        self.missing = missing
        self.used: set[int] = set()
        self.set_: set[int] = set()
        self.touched: set[int] = set()

    def copy(self) -> "Env":
        """Return the same, with an empty record."""
        return Env(dict(self.values), dict(self.slots), self.missing)

    def get(self, location: int) -> Value:
        """Return what a register holds."""
        self.used.add(location)
        return self.values.get(location, self.missing)

    def set(self, location: int, value: Value) -> None:
        """Let a register hold `value`."""
        self.set_.add(location)
        self.values[location] = value

    def forget(self, location: int) -> None:
        """Let a register hold nothing that is known."""
        self.set_.add(location)
        self.values.pop(location, None)

    def counter(self, location: int) -> int:
        """Return `PREEMPT_OFF` or `IRQ_OFF`."""
        value = self.values.get(location)
        return value.low if isinstance(value, Scalar) else 0

    def count(self, location: int, by: int) -> None:
        """Change `PREEMPT_OFF` or `IRQ_OFF`."""
        self.used.add(location)
        self.set(location, constant(max(self.counter(location) + by, 0)))

    def load(self, depth: int, offset: int, size: int) -> Value:
        """Return `size` bytes of a stack."""
        at = slot(depth, offset)
        for location in range(at, at + size):
            self.used.add(location)
        found = self.slots.get(at)
        if found is not None and found[0] == size:
            return found[1]
        for start, length, value in self.overlapping(at, size):
            if start <= at and at + size <= start + length and isinstance(value, Scalar) and value.low == value.high:
                return constant(value.low >> 8 * (at - start) & ((1 << 8 * size) - 1))
        parts = self._pieces(at, size)
        if parts is not None:
            return constant(parts)
        touched = any(True for _ in self.overlapping(at, size))
        return self.missing if not touched and self.missing != UNKNOWN else Scalar(0, (1 << 8 * size) - 1)

    def _pieces(self, at: int, size: int) -> int | None:
        """Return the number that smaller constant slots make up together."""
        result, position = 0, at
        while position < at + size:
            found = self.slots.get(position)
            if found is None or not isinstance(found[1], Scalar) or found[1].low != found[1].high:
                return None
            if position + found[0] > at + size:
                return None
            result |= (found[1].low & ((1 << 8 * found[0]) - 1)) << 8 * (position - at)
            position += found[0]
        return result

    def store(self, depth: int, offset: int, size: int, value: Value) -> None:
        """Put `size` bytes on a stack."""
        self.smash(depth, offset, size, certain=True)
        self.slots[slot(depth, offset)] = size, value

    def smash(self, depth: int, offset: int, size: int, *, certain: bool) -> None:
        """Let `size` bytes of a stack hold nothing that is known. certain: whether all of them are written."""
        at = slot(depth, offset)
        (self.set_ if certain else self.touched).update(range(at, at + size))
        for start, length, value in list(self.overlapping(at, size)):
            del self.slots[start]
            if isinstance(value, Scalar) and value.low == value.high:  # what is left of it
                for part in range(start, start + length):
                    if not at <= part < at + size:
                        self.slots[part] = 1, constant(value.low >> 8 * (part - start) & 0xFF)

    def overlapping(self, at: int, size: int) -> Iterator[tuple[int, int, Value]]:
        """Yield start, size and value of the slots that `size` bytes from location `at` on touch."""
        for start in range(at - 7, at + size):
            found = self.slots.get(start)
            if found is not None and start + found[0] > at:
                yield start, *found

    def rename(self, name: Any) -> None:  # noqa: ANN401
        """Take the name off everything that is computed from what is called `name`."""
        for at, value in self.values.items():
            if not isinstance(value, Lost) and value.name is not None and _mentions(value.name, name):
                self.values[at] = value._replace(name=None)
        for at, (size, value) in self.slots.items():
            if not isinstance(value, Lost) and value.name is not None and _mentions(value.name, name):
                self.slots[at] = size, value._replace(name=None)

    def leave(self, depth: int) -> None:
        """Drop everything that belongs to frames from `depth` on."""
        limit = depth * STRIDE
        self.values = {at: value for at, value in self.values.items() if at < limit}
        self.slots = {at: value for at, value in self.slots.items() if at < limit}

    def joined(self, other: "Env") -> "Env":
        """Return what covers both."""
        values = {at: join(value, other.values[at]) for at, value in self.values.items() if at in other.values}
        slots = {
            at: (size, join(value, other.slots[at][1]))
            for at, (size, value) in self.slots.items()
            if at in other.slots and other.slots[at][0] == size
        }
        return Env(values, slots, self.missing)

    def same(self, other: "Env") -> bool:
        """Return whether both hold the same."""
        return self.values == other.values and self.slots == other.slots


def _mentions(whole: Any, name: Any) -> bool:  # noqa: ANN401
    """Return whether the name `whole` is `name`, or of what is computed from it."""
    while whole != name:
        if not isinstance(whole, tuple) or len(whole) < 2 or not isinstance(whole[1], tuple):
            return False
        whole = whole[1]
    return True
