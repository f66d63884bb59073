"""Addresses in the current task's own memory, and what a step may do with them to be the same for every task.

Tasks that run the same code count as one another only if they all take the same step, up to their own addresses. That
need not be tried for each: where a step does nothing with such an address but what is listed here, all tasks take it
alike. An `OwnAddress` is a number that knows this. What it is added to is one, too; whether it is 0 has one answer;
any other use raises `AddressObserved`, and the tasks are compared with one another.
"""

from collections.abc import Callable, Iterable
from struct import unpack_from
from typing import Any, Literal, NoReturn

from ctxrace.machine.flow import Flow
from ctxrace.machine.memory import Memory, Region, RegionKind

__all__ = ["AddressObserved", "OwnAddress", "OwnMemory", "marked", "plain"]

_WORD = (1 << 64) - 1
_ORDERS = {"little": "<", "big": ">"}  # as `struct` spells them
_ALIGNED = 64  # all tasks' memory is at multiples of it: what is below it in an address is the same for all
_NEVER_NULL = range(1 << 63, (1 << 64) - (1 << 40))  # such an address is not 0 for any other task either


class AddressObserved(Exception):
    """A step may do something else with the address of another task."""


class OwnAddress(int):
    """An address in the current task's own memory."""

    __slots__ = ()
    __hash__ = int.__hash__

    def __add__(self, other: int) -> "OwnAddress":
        if type(other) is OwnAddress:
            raise AddressObserved
        return OwnAddress(int(self) + other)

    __radd__ = __add__

    def __sub__(self, other: int) -> int:
        if type(other) is OwnAddress:
            return int(self) - int(other)  # how far they are apart
        return OwnAddress(int(self) - other)

    def __and__(self, other: int) -> int:
        if type(other) is OwnAddress:
            raise AddressObserved
        mask = other & _WORD
        if mask < _ALIGNED:
            return int(self) & mask
        if mask ^ _WORD < _ALIGNED:
            return OwnAddress(int(self) & mask)
        raise AddressObserved

    __rand__ = __and__

    def __or__(self, other: int) -> "OwnAddress":
        if other != 0 or type(other) is OwnAddress:
            raise AddressObserved
        return self

    __ror__ = __or__

    def __lshift__(self, other: int) -> "OwnAddress":
        if other != 0:
            raise AddressObserved
        return self

    def __rshift__(self, other: int) -> int:
        if other == 0:
            return self
        if other >= 64 and int(self) <= _WORD:
            return 0
        raise AddressObserved

    def __bool__(self) -> bool:
        if int(self) in _NEVER_NULL:
            return True
        raise AddressObserved

    def __eq__(self, other: object) -> bool:
        if type(other) is OwnAddress:
            return int(self) == int(other)
        if other == 0:
            return not self
        raise AddressObserved

    def __ne__(self, other: object) -> bool:
        return not self == other

    def _observed(self, *_: Any) -> NoReturn:  # noqa: ANN401 - whatever the operation is with
        raise AddressObserved

    __lt__ = __le__ = __gt__ = __ge__ = __rsub__ = __mul__ = __rmul__ = __floordiv__ = __rfloordiv__ = _observed
    __mod__ = __rmod__ = __divmod__ = __rdivmod__ = __pow__ = __rpow__ = __neg__ = __pos__ = __abs__ = _observed
    __invert__ = __xor__ = __rxor__ = __rlshift__ = __rrshift__ = __truediv__ = __rtruediv__ = _observed
    __repr__ = bit_count = bit_length = _observed


class OwnMemory(Memory):
    """The bus of one step that keeps apart which words are `OwnAddress`es.

    span: the addresses of the current task's own memory. pid: where in its task_struct is what is another for each
    task. unused: how many bytes of the stack are 0 from its lowest one on. The other arguments are those of `Memory`.
    """

    def __init__(
        self,
        regions: Iterable[Region],
        constant: bytes,
        shared: bytes,
        own: bytes,
        stack: bytes,
        quiet: frozenset[int],
        saved: frozenset[int],
        byte_order: Literal["little", "big"],
        span: range,
        pid: range,
        unused: int,
    ) -> None:
        super().__init__(regions, constant, shared, own, stack, quiet, saved, byte_order)
        self._span, self._pid = span, pid
        self._words = {(RegionKind.OWN, at) for at in self._own_words(own, 0)}
        self._words |= {(RegionKind.STACK, at) for at in self._own_words(stack, unused & ~7)}

    def load(self, address: int, size: int) -> int:
        """Return the bytes at `address`, as an `OwnAddress` where they are one; see `Memory.load`."""
        kind, at = self._place(address, size)
        value = super().load(int(address), size)
        if self._is_pid(kind, at, size):
            raise AddressObserved
        if self._is_word(kind, at, size):
            return OwnAddress(value)
        return value

    def store(self, address: int, size: int, value: int) -> None:
        """Write `value` to `address`; see `Memory.store`."""
        kind, at = self._place(address, size)
        if self._is_pid(kind, at, size):
            raise AddressObserved
        if type(value) is OwnAddress:
            if size != 8 or at % 8 or kind not in (RegionKind.OWN, RegionKind.STACK):
                raise AddressObserved  # it gets to where others see it
            super().store(int(address), size, int(value))
            self._words.add((kind, at))
            return
        whole = self._is_word(kind, at, size)
        super().store(int(address), size, value)
        if whole:
            self._words.discard((kind, at))

    def arm_monitor(self, address: int, size: int) -> None:
        """Remember that a load-exclusive read the `size` bytes at `address`."""
        if type(address) is OwnAddress:
            raise AddressObserved
        super().arm_monitor(address, size)

    def push_return(self, place: int, address: int) -> None:
        """Put `address` onto the empty stack at `place`; see `Memory.push_return`."""
        super().push_return(int(place), address)

    def return_address(self, place: int) -> int:
        """Return the 8 bytes at `place` in the stack; see `Memory.return_address`."""
        return super().return_address(int(place))

    def check_stack(self, sp: int, kept: bytes) -> None:
        """Raise `AddressObserved` unless the own addresses in the stack from offset `sp` on are known as such."""
        for at in range(sp + len(kept) % 8, len(self.stack) - 7, 8):
            if self._is_own(self.stack, at) is not ((RegionKind.STACK, at) in self._words):
                raise AddressObserved

    def check_writes(self) -> None:
        """Raise `AddressObserved` unless what was last written to the task_struct is known for what it is."""
        blob = self._blobs[RegionKind.OWN]
        for write in self.writes:
            if write.kind is RegionKind.OWN and len(write.data) == 8:
                last = blob[write.offset : write.offset + 8] == write.data
                if not last or self._is_own(write.data, 0) is not ((RegionKind.OWN, write.offset) in self._words):
                    raise AddressObserved

    def _place(self, address: int, size: int) -> tuple[RegionKind, int]:
        plain = int(address)
        if (type(address) is OwnAddress) is not (self._span.start <= plain < self._span.stop):
            raise AddressObserved
        region = self._locate(plain, size)
        return region.kind, plain - region.base + region.start

    def _is_pid(self, kind: RegionKind, at: int, size: int) -> bool:
        return kind is RegionKind.OWN and at < self._pid.stop and self._pid.start < at + size

    def _is_word(self, kind: RegionKind, at: int, size: int) -> bool:
        """Return whether exactly these bytes are an own address; raise `AddressObserved` where some of one are."""
        if kind not in (RegionKind.OWN, RegionKind.STACK):
            return False
        touched = [word for word in range(at & ~7, at + size, 8) if (kind, word) in self._words]
        if touched and (touched != [at] or size != 8):
            raise AddressObserved
        return bool(touched)

    def _own_words(self, blob: bytes, first: int) -> list[int]:
        """Return where in `blob`, from offset `first` on, are words that are own addresses."""
        number = (len(blob) - first) // 8
        words = unpack_from(f"{_ORDERS[self._order]}{number}Q", blob, first)
        return [first + 8 * index for index, word in enumerate(words) if self._span.start <= word < self._span.stop]

    def _is_own(self, blob: bytes | bytearray, at: int) -> bool:
        return self._span.start <= int.from_bytes(blob[at : at + 8], self._order) < self._span.stop


def marked(flow: Flow, known: Callable[[int], int]) -> Flow:
    """Return `flow` with its words marked by `known`."""
    return flow._replace(
        registers=tuple((at, known(word)) for at, word in flow.registers),
        active=tuple(activation._replace(stack=known(activation.stack)) for activation in flow.active),
    )


def plain(flow: Flow) -> Flow:
    """Return `flow` with plain numbers for its words."""
    return marked(flow, int)
