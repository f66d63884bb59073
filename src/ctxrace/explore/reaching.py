"""Which states of a graph lead to goals: backwards over its edges."""

from array import array
from collections.abc import Iterable, Sequence

__all__ = ["reaching"]


def reaching(number: int, origins: Sequence[int], targets: Sequence[int], goals: Iterable[int]) -> bytearray:
    """Return for each of `number` states whether edges, from `origins` to `targets`, lead from it to one of `goals`."""
    first = array("Q", bytes(8 * (number + 1)))  # where in `before` the states before each one are
    for to in targets:
        first[to + 1] += 1
    for at in range(number):
        first[at + 1] += first[at]
    before, place = array("I", bytes(4 * len(targets))), first[:-1]
    for origin, to in zip(origins, targets, strict=True):
        before[place[to]] = origin
        place[to] += 1
    reached = bytearray(number)
    waiting = list(goals)
    while waiting:
        at = waiting.pop()
        if not reached[at]:
            reached[at] = 1
            waiting.extend(before[first[at] : first[at + 1]])
    return reached
