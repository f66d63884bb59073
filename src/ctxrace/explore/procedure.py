"""All ways through a nested run, of which a summary is made, and the queue in which those of many runs wait."""

from array import array
from collections import Counter
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Any

from ctxrace.core.system import Step, System
from ctxrace.explore.walk import Walk

__all__ = ["Call", "Opened", "Procedure", "Queue"]

Opened = tuple[tuple[int, Hashable], ...]
"""Steps one after the other, those of nested runs among them: the rank of each in its state, and its label."""


@dataclass(slots=True, eq=False)
class Call:
    """A step that begins a nested run: `step`, number `rank` of state number `number` of `caller`.

    length: of the shortest run of `caller` that ends with it; start: where the nested run starts.
    """

    caller: "Procedure"
    number: int
    rank: int
    step: Step
    length: int
    start: Hashable


Waiting = tuple["Procedure", int] | Call
"""What waits: a state of a procedure, by number, or a call."""


class Queue:
    """States and calls of all procedures, by their length from the beginning of the outermost run.

    taken: how many have waited so far.
    """

    def __init__(self) -> None:
        self.taken = 0
        self._levels: dict[int, list[Waiting]] = {}
        self._lengths: list[int] = []

    def put(self, length: int, waiting: Waiting) -> None:
        """Let a state or a call wait."""
        self.taken += 1
        level = self._levels.get(length)
        if level is None:
            level = self._levels[length] = []
            heappush(self._lengths, length)
        level.append(waiting)

    def clear(self) -> None:
        """Forget all that waits."""
        self._levels.clear()
        self._lengths.clear()

    def levels(self) -> Iterator[tuple[int, list[Waiting]]]:
        """Return what waits, nearest first: all of one length together, more of which may come meanwhile."""
        while self._lengths:
            length = self._lengths[0]
            yield length, self._levels[length]
            del self._levels[heappop(self._lengths)]


class Procedure(Walk):
    """All ways through the nested run that starts with `start`, or through the outermost run.

    offset: how far its nearest start is from the beginning of the outermost run.
    ends: to which a nested run comes, each with its shortest length; with `broken`, they are its summary.
    callers: the calls that lead to it. shown: the run to show to each end, violation or hopeless state asked for.
    edges, origins: to where each edge leads, and from where, if they are kept.
    waiting_calls: of each state, how many of the nested runs that it begins have not been asked for what they come to.
    """

    def __init__(self, system: System[Any], start: Hashable, offset: int, queue: Queue, *, keep_edges: bool) -> None:
        self.offset, self._queue = offset, queue
        self.ends: dict[Hashable, int] = {}
        self.callers: list[Call] = []
        self.shown: dict[Hashable, Opened] = {}
        self.waiting_calls = Counter[int]()
        self._begin(system, start, keep_edges)
        self.origins = array("I") if keep_edges else None  # edges to where nested runs return come late, in no order

    def wait(self, number: int, key: int) -> None:
        """Let a state wait among those of all procedures."""
        self._queue.put(self.offset + key, (self, number))

    def known(self) -> set[int]:
        """Return the states of which all steps were taken, and all nested runs asked that they begin."""
        return {number for number in self.visited[: self.complete] if not self.waiting_calls[number]}
