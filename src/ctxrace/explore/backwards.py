"""Which states of a graph lead to goals: backwards over its edges."""

from array import array
from collections.abc import Iterable, Sequence

__all__ = ["Backwards", "edge"]

_TARGET = (1 << 32) - 1


def edge(origin: int, target: int) -> int:
    """Return the edge from state number `origin` to number `target` as one number, which an array keeps at once."""
    return origin << 32 | target


class Backwards:
    """The `edges` of a graph of `number` states, to be followed backwards."""

    def __init__(self, number: int, edges: Iterable[int]) -> None:
        first = array("Q", bytes(8 * (number + 1)))  # where in `before` the states before each one are
        for each in edges:
            first[(each & _TARGET) + 1] += 1
        for at in range(number):
            first[at + 1] += first[at]
        before, place = array("I", bytes(4 * first[-1])), first[:-1]
        for each in edges:
            target = each & _TARGET
            before[place[target]] = each >> 32
            place[target] += 1
        self._number, self._first, self._before = number, first, before

    def before(self, state: int) -> Sequence[int]:
        """Return the states from which an edge leads to `state`."""
        return self._before[self._first[state] : self._first[state + 1]]

    def reaching(self, goals: Iterable[int]) -> bytearray:
        """Return for each state whether edges lead from it to one of `goals`."""
        reached = bytearray(self._number)
        waiting = list(goals)
        while waiting:
            at = waiting.pop()
            if not reached[at]:
                reached[at] = 1
                waiting.extend(self.before(at))
        return reached
