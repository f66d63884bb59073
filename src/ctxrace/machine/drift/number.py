"""Numbers that depend on how far a counter has drifted, and what a step may do with them to be the same for all drifts.

A step is taken once, with the value that a counter happens to have, and stands for the same step after any drift: any
multiple of a power of two is added to each counter of a group. A `Drifting` number knows which of its bits may differ
then, and whether it is a counter's value but for a constant. Arithmetic hands that on. Where control flow, an address,
or anything else would depend on the drift, `DriftObserved` is raised: then the steps are not the same.
"""

from typing import Any, NamedTuple, NoReturn

__all__ = ["DriftObserved", "Drifting", "Mark", "drifting", "low"]

_BYTE = 8
_WORD = 8  # bytes of a register


class DriftObserved(Exception):
    """A step depends on how far counters have drifted.

    counters: which, as bits. address: of the instruction. spread: the addresses of shared memory to which a drifting
    number was written; reset: whether a counter was overwritten by what does not drift with it.
    """

    def __init__(self, counters: int, *, spread: range | None = None, reset: bool = False) -> None:
        super().__init__(counters)
        self.counters, self.spread, self.reset = counters, spread, reset
        self.address: int | None = None


class Mark(NamedTuple):
    """What may differ of a flow after a drift: of its register word at offset `at`, or of byte `at` of its stack.

    unsure, counters, group, width: as in `Drifting`. A byte of the stack that begins a number with a width has that.
    """

    on_stack: bool
    at: int
    unsure: int
    counters: int
    group: int = 0
    width: int = 0


def low(bits: int) -> int:
    """Return a number whose lowest `bits` bits are ones."""
    return (1 << bits) - 1


def drifting(value: int, unsure: int, counters: int, group: int = 0, width: int = 0) -> int:
    """Return `value`, as a `Drifting` number where any of its bits may differ."""
    return Drifting(value, unsure, counters, group, width) if unsure else value


class Drifting(int):
    """A number of which the bits `unsure` may differ after a drift; -1: all of them, however long it is.

    counters: the counters on which that depends, as bits. Where `width` is not 0, the lowest `width` bytes drift as the
    counters of `group` do: they are such a counter plus something that is the same for all drifts. All drifts agree on
    whether the lowest byte is 0, and the lowest two bytes, up to the lowest `tested` bytes.
    """

    unsure: int
    counters: int
    group: int
    width: int
    tested: int

    def __new__(
        cls, value: int, unsure: int, counters: int, group: int = 0, width: int = 0, tested: int = 0
    ) -> "Drifting":
        made = super().__new__(cls, value)
        made.unsure, made.counters, made.group, made.width, made.tested = unsure, counters, group, width, tested
        return made

    @property
    def plain(self) -> int:
        """The value that it happens to have."""
        return int.__int__(self)

    def _above(self, value: int, other: int, width: int) -> int:
        """Return a sum: below its lowest bit that may differ, and below that of `other`, all drifts have the same."""
        unsure, counters = self.unsure, self.counters
        if type(other) is Drifting:
            unsure, counters = unsure | other.unsure, counters | other.counters
        return drifting(value, -(unsure & -unsure), counters, self.group, width)

    def __add__(self, other: int) -> int:
        return self._above(self.plain + _plain(other), other, 0 if type(other) is Drifting else self.width)

    __radd__ = __add__

    def __sub__(self, other: int) -> int:
        value = self.plain - _plain(other)
        if type(other) is not Drifting:
            return self._above(value, other, self.width)
        together = min(self.width, other.width) if self.group == other.group else 0
        if together:  # both have drifted by the same
            found = drifting(value, -1 << together * _BYTE, self.counters | other.counters)
            above = self.unsure | other.unsure | self.plain ^ other.plain
            if type(found) is Drifting and not above & ~low(together * _BYTE):  # they differ by less than the range
                found.tested = _WORD
            return found
        return self._above(value, other, 0)

    def __rsub__(self, other: int) -> int:
        return self._above(other - self.plain, 0, 0)

    def __neg__(self) -> int:
        return self._above(-self.plain, 0, 0)

    def __mul__(self, other: int) -> int:
        if type(other) is Drifting:
            return self._above(self.plain * other.plain, other, 0)
        if other == 1:
            return self
        return drifting(self.plain * other, -(self.unsure & -self.unsure) * (other & -other), self.counters)

    __rmul__ = __mul__

    def __and__(self, other: int) -> int:
        found = self._bitwise(other, self.plain & _plain(other), sure=0)
        if self.tested and type(other) is not Drifting and type(found) is Drifting:
            found.tested = min(self.tested, _whole_bytes(other))
        return found

    __rand__ = __and__

    def __or__(self, other: int) -> int:
        if type(other) is not Drifting and other & low(self.tested * _BYTE) == 0 and self.tested:
            return Drifting(self.plain | other, self.unsure & ~other, self.counters, tested=self.tested)
        return self._bitwise(other, self.plain | _plain(other), sure=1)

    __ror__ = __or__

    def __xor__(self, other: int) -> int:
        found = self._bitwise(other, self.plain ^ _plain(other), sure=None)
        if type(found) is Drifting and type(other) is Drifting and self.group == other.group:
            found.tested = min(self.width, other.width)  # compilers compare like this, too
        return found

    __rxor__ = __xor__

    def _bitwise(self, other: int, value: int, sure: int | None) -> int:
        """Return what a bitwise operation makes of two numbers; sure: the bit of one that decides, whatever the other.

        It keeps the width where the other operand leaves the lowest bytes alone.
        """
        mine, theirs = self.unsure, other.unsure if type(other) is Drifting else 0
        unsure = mine | theirs
        counters = self.counters | (other.counters if type(other) is Drifting else 0)
        if sure is not None:
            decides = [~(number ^ -sure) & ~may for number, may in ((self.plain, mine), (_plain(other), theirs))]
            unsure &= ~(decides[0] | decides[1])
        group, width = self.group, _left_alone(self, other, sure)
        if not width and type(other) is Drifting:
            group, width = other.group, _left_alone(other, self, sure)
        return drifting(value, unsure, counters, group, width)

    def __invert__(self) -> int:
        return drifting(~self.plain, self.unsure, self.counters)

    def __lshift__(self, other: int) -> int:
        return self if other == 0 else drifting(self.plain << other, self.unsure << other, self.counters)

    def __rshift__(self, other: int) -> int:
        return self if other == 0 else drifting(self.plain >> other, self.unsure >> other, self.counters)

    def __eq__(self, other: object) -> Any:  # noqa: ANN401 - a number, as the evaluator's truths are
        assert isinstance(other, int)
        equal = self.plain == _plain(other)
        unsure, counters = self.unsure, self.counters
        if type(other) is Drifting:
            unsure, counters = unsure | other.unsure, counters | other.counters
            together = min(self.width, other.width) if self.group == other.group else 0
            if unsure & ~low(together * _BYTE) == 0:
                return equal  # both have drifted by the same
        if (self.plain ^ _plain(other)) & ~unsure:
            return False
        if type(other) is not Drifting and other == 0 and not unsure & ~low(self.tested * _BYTE):
            return equal
        return _truth(equal, counters)

    def __ne__(self, other: object) -> Any:  # noqa: ANN401
        found: int = self == other
        return _truth(not found.plain, found.counters) if type(found) is Drifting else not found

    def __lt__(self, other: int) -> Any:  # noqa: ANN401
        return self._compared(self.plain < _plain(other), other)

    def __le__(self, other: int) -> Any:  # noqa: ANN401
        return self._compared(self.plain <= _plain(other), other)

    def __gt__(self, other: int) -> Any:  # noqa: ANN401
        return self._compared(self.plain > _plain(other), other)

    def __ge__(self, other: int) -> Any:  # noqa: ANN401
        return self._compared(self.plain >= _plain(other), other)

    def _compared(self, answer: bool, other: int) -> Any:  # noqa: ANN401
        return _truth(answer, self.counters | (other.counters if type(other) is Drifting else 0))

    def bit_count(self) -> int:
        """Return the number of ones."""
        return Drifting(self.plain.bit_count(), -1, self.counters)

    def bit_length(self) -> int:
        """Return the number of bits up to the highest one."""
        return Drifting(self.plain.bit_length(), -1, self.counters)

    def _observed(self, *_: Any) -> NoReturn:  # noqa: ANN401 - whatever the operation is with
        raise DriftObserved(self.counters)

    def __bool__(self) -> bool:
        truth: int = self == 0
        if type(truth) is Drifting:
            raise DriftObserved(self.counters)
        return not truth

    __int__ = __hash__ = __rlshift__ = __rrshift__ = _observed
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __divmod__ = __rdivmod__ = __pow__ = __rpow__ = _observed
    __truediv__ = __rtruediv__ = __pos__ = __abs__ = to_bytes = _observed  # type: ignore[assignment]
    __repr__ = __str__ = __format__ = _observed


def _plain(number: int) -> int:
    return number.plain if type(number) is Drifting else number


def _whole_bytes(mask: int) -> int:
    """Return how many of the lowest bytes `mask` leaves as they are, a register's at most."""
    zero = ~mask & low(_WORD * _BYTE)
    return ((zero & -zero).bit_length() - 1) // _BYTE if zero else _WORD


def _truth(answer: bool, counters: int) -> Any:  # noqa: ANN401 - the evaluator's truths are numbers
    return Drifting(answer, 1, counters)


def _left_alone(number: Drifting, other: int, sure: int | None) -> int:
    """Return how many of the lowest bytes of `number` drift with its group also after a bitwise operation.

    They do where the other operand changes nothing there, or but for the highest bit: that is to add half the range.
    """
    theirs, may = (other.plain, other.unsure) if type(other) is Drifting else (other, 0)
    width = number.width
    while width:
        there, range_ = (theirs ^ -1 if sure == 0 else theirs), low(width * _BYTE)
        if not may & range_ and (not there & range_ or (sure is None and there & range_ == 1 << width * _BYTE - 1)):
            break
        width -= 1
    return width
