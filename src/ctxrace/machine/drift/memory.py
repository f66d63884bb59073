"""Memory in which counters drift: what is read of them, or of the stack where their values went, is `Drifting`.

A counter is a few bytes of shared memory. What is written over it must drift with it, and no drifting number may get to
where others see it but in a counter of the same group. A statistic holds anything: whatever is written to it, what it
holds is not known.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from typing import Literal, TypeVar

from ctxrace.machine.drift.number import Drifting, DriftObserved, Mark, drifting, low
from ctxrace.machine.flow import Flow
from ctxrace.machine.memory import Memory, Region, RegionKind, Split

__all__ = ["Counter", "Counters", "DriftingMemory"]

Made = TypeVar("Made")

_BYTE = 8
_WORD = 8  # bytes of a register's word in a flow


@dataclass(frozen=True, slots=True)
class Counter:
    """A counter: what lies at the addresses `place`. number: its own. It drifts with all others of its `group`.

    It drifts by multiples of 2 to the power of `fixed`, so that its lowest `fixed` bits stay.
    """

    name: str
    place: range
    number: int
    group: int
    fixed: int


@dataclass(frozen=True, slots=True)
class Counters:
    """Which counters drift together; `statistics`: the numbers of variables whose value must not matter, by name."""

    drifting: tuple[Counter, ...] = ()
    statistics: Mapping[str, int] = field(default_factory=dict)


class DriftingMemory(Memory):
    """The bus of one step, with `counters`; the other arguments are those of `Memory`."""

    def __init__(
        self,
        regions: Sequence[Region],
        constant: bytes,
        shared: bytes,
        own: bytes,
        stack: bytes,
        quiet: frozenset[int],
        saved: frozenset[int],
        byte_order: Literal["little", "big"],
        counters: Counters,
    ) -> None:
        self._drifts = 0  # the counters that this instruction has accessed, as bits
        self._counters = counters
        self._left_out = [it for it in regions if it.kind is RegionKind.STATISTIC and it.name in counters.statistics]
        self._unsure: dict[int, tuple[int, int]] = {}  # of bytes of the stack: which bits, on which counters
        self._widths: dict[int, tuple[int, int]] = {}  # where a number with a width begins: its group, its width
        super().__init__(regions, constant, shared, own, stack, quiet, saved, byte_order)

    def begin(self, *, private: bool, atomic: bool = False, done: tuple[int, ...] = (), alignment: int = 0) -> None:
        """Prepare for one instruction; see `Memory.begin`."""
        self._drifts = 0
        super().begin(private=private, atomic=atomic, done=done, alignment=alignment)

    def load(self, address: int, size: int) -> int:
        """Return the bytes at `address`; see `Memory.load`."""
        _refuse(address)
        kind, at, name = self._find(address, size)
        counter = self._counter(kind, address, size)
        value = self._whole(super().load, address, size)
        every = low(size * _BYTE)
        if kind is RegionKind.STACK:
            return self._from_stack(at, size, value)
        if kind is RegionKind.STATISTIC and name in self._counters.statistics:
            return drifting(value, every, self._bit(name))
        if counter is None:
            return value
        self._drifts |= 1 << counter.number
        if address != counter.place.start:
            return drifting(value, every, 1 << counter.number)
        return drifting(value, every & ~low(counter.fixed), 1 << counter.number, counter.group, size)

    def store(self, address: int, size: int, value: int) -> None:
        """Write `value` to `address`; see `Memory.store`."""
        _refuse(address)
        kind, at, _ = self._find(address, size)
        value = value & low(size * _BYTE)
        plain = value.plain if type(value) is Drifting else value
        if kind is RegionKind.STACK:
            self._to_stack(at, size, value)
        elif kind is not RegionKind.STATISTIC:
            self._check(kind, address, size, value)
        self._whole(super().store, address, size, plain)

    def arm_monitor(self, address: int, size: int) -> None:
        """Remember that a load-exclusive read the `size` bytes at `address`."""
        _refuse(address)
        super().arm_monitor(address, size)

    def pass_monitor(self, address: int) -> bool:
        """Return whether a store-exclusive to `address` succeeds, and disarm."""
        _refuse(address)
        return super().pass_monitor(address)

    def return_address(self, place: int) -> int:
        """Return the 8 bytes at `place` in the stack; see `Memory.return_address`."""
        _refuse(place)
        kind, at, _ = self._find(place, _WORD)
        value = super().return_address(place)
        if kind is RegionKind.STACK:
            _refuse(self._from_stack(at, _WORD, value))
        return value

    def enter(self, flow: Flow, bottom: int) -> Flow:
        """Return `flow` with its `Drifting` words, and take in what drifts of its stack, from byte `bottom` on."""
        words = dict(flow.registers)
        for on_stack, at, unsure, counters, group, width in flow.marks:
            if not on_stack:
                words[at] = drifting(words.get(at, 0), unsure, counters, group, width)
                continue
            if unsure:
                self._unsure[bottom + at] = (unsure, counters)
            if width:
                self._widths[bottom + at] = (group, width)
        return flow._replace(registers=tuple(sorted(words.items())), marks=())

    def leave(self, flow: Flow, bottom: int) -> Flow:
        """Return `flow`, whose stack lies from byte `bottom` on, as it is for all drifts: what may differ is marked.

        Bits that are not known are 0, so that flows which differ in nothing else are equal.
        """
        marks, words = [], []
        for at, word in flow.registers:
            plain = word
            if type(word) is Drifting:
                plain = word.plain & ~(word.unsure & ~low(word.width * _BYTE))
                marks.append(Mark(False, at, word.unsure, word.counters, word.group, word.width))
            if plain:
                words.append((at, plain))
        stack = bytearray(flow.stack)
        kept = {at + byte for at, (_, width) in self._widths.items() for byte in range(width)}
        for at, (unsure, counters) in self._unsure.items():
            if at < bottom:
                continue
            group, width = self._widths.get(at, (0, 0))
            marks.append(Mark(True, at - bottom, unsure, counters, group, width))
            if at not in kept:
                stack[at - bottom] &= ~unsure
        marks += [
            Mark(True, at - bottom, 0, 0, group, width)
            for at, (group, width) in self._widths.items()
            if at >= bottom and at not in self._unsure
        ]
        if flow.endless and marks:  # whether it is one after other drifts, too, has not been shown
            raise DriftObserved(reduce(or_, (mark.counters for mark in marks)))
        return flow._replace(registers=tuple(words), stack=bytes(stack), marks=tuple(sorted(marks)))

    def _find(self, address: int, size: int) -> tuple[RegionKind, int, str]:
        for region in self._left_out:
            inside = region.base <= address and address + size <= region.base + region.size
            if not inside and region.base < address + size and address < region.base + region.size:
                raise DriftObserved(self._bit(region.name))  # together with a neighbour
        region = self._locate(address, size)
        return region.kind, address - region.base + region.start, region.name

    def _whole(self, access: Callable[..., Made], *what: int) -> Made:
        try:
            return access(*what)
        except Split:
            if self._drifts:  # the value would have to drift while the instruction is half done
                raise DriftObserved(self._drifts) from None
            raise

    def _bit(self, name: str) -> int:
        return 1 << self._counters.statistics[name]

    def _counter(self, kind: RegionKind, address: int, size: int) -> Counter | None:
        """Return the counter that lies where shared memory is accessed."""
        if kind is not RegionKind.SHARED:
            return None
        for counter in self._counters.drifting:
            if address < counter.place.stop and counter.place.start < address + size:
                if address < counter.place.start or counter.place.stop < address + size:
                    raise DriftObserved(1 << counter.number)  # together with a neighbour
                return counter
        return None

    def _check(self, kind: RegionKind, address: int, size: int, value: int) -> None:
        """Raise `DriftObserved` unless what is written is the same after all drifts, in memory that drifts with it."""
        counter = self._counter(kind, address, size)
        if counter is None:
            if type(value) is Drifting:
                spread = range(address, address + size) if kind is RegionKind.SHARED else None
                raise DriftObserved(value.counters, spread=spread)
            return
        mine = 1 << counter.number
        if type(value) is not Drifting:
            raise DriftObserved(mine, reset=True)
        if len(counter.place) != size or value.group != counter.group or value.width < size:
            raise DriftObserved(mine | value.counters, reset=value.group == counter.group)
        self._drifts |= mine

    def _from_stack(self, at: int, size: int, value: int) -> int:
        unsure = counters = 0
        for byte in range(size):
            if at + byte in self._unsure:
                bits, on = self._unsure[at + byte]
                unsure |= bits << byte * _BYTE
                counters |= on
        group, width = self._widths.get(at, (0, 0))
        return drifting(value, unsure, counters, group, min(width, size))

    def _to_stack(self, at: int, size: int, value: int) -> None:
        for begins, (group, width) in list(self._widths.items()):
            if begins < at + size and at < begins + width:
                del self._widths[begins]
                if begins < at:
                    self._widths[begins] = (group, at - begins)
        for byte in range(size):
            self._unsure.pop(at + byte, None)
        if type(value) is not Drifting:
            return
        for byte in range(size):
            if bits := value.unsure >> byte * _BYTE & 0xFF:
                self._unsure[at + byte] = (bits, value.counters)
        if value.width:
            self._widths[at] = (value.group, min(value.width, size))


def _refuse(number: int) -> None:
    if type(number) is Drifting:
        raise DriftObserved(number.counters)
