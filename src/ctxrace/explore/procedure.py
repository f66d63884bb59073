"""What is known of a nested run: all ways through it, of which a summary is made, and the calls that wait for that."""

from array import array
from collections.abc import Hashable

from ctxrace.core.property import Property
from ctxrace.explore.shortest import Violations

__all__ = ["Calls", "Opened", "Procedure"]

Opened = tuple[tuple[int, Hashable], ...]
"""Steps one after the other, those of nested runs among them: the rank of each in its state, and its label."""


class Procedure:
    """All ways through the nested run that starts with `start`, or through the outermost run.

    first: the number of its first state; None as long as nobody has called it. numbers: of its states.
    ends: to which a nested run comes; with `broken`, they are its summary. callers: the calls that wait for it.
    shown: the run to show to each end, violation or hopeless state asked for.
    """

    __slots__ = ("broken", "callers", "ends", "first", "numbers", "shown", "start")

    def __init__(self, start: Hashable) -> None:
        self.start = start
        self.first: int | None = None
        self.numbers: dict[Hashable, int] = {}
        self.ends, self.callers = array("I"), array("I")
        self.broken = Violations()
        self.shown: dict[Hashable, Opened] = {}


class Calls:
    """Steps that begin nested runs, by number, in the order found: step number `rank` of state number `origin`.

    lengths: of the shortest run that ends with each. run: what begins. below: what the system keeps of the run that
    stands still, see `Begin`. witnessed: by the step.
    """

    def __init__(self) -> None:
        self.origin, self.rank, self.lengths = array("I"), array("I"), array("q")
        self.run: list[Procedure] = []
        self.below: list[Hashable] = []
        self.witnessed: list[tuple[Property, ...]] = []
        self._known: dict[Hashable, Hashable] = {}  # what is equal below is kept once

    def __len__(self) -> int:
        return len(self.origin)

    def add(
        self, origin: int, rank: int, length: int, run: Procedure, below: Hashable, witnessed: tuple[Property, ...]
    ) -> int:
        """Take in a call, and return its number."""
        self.origin.append(origin)
        self.rank.append(rank)
        self.lengths.append(length)
        self.run.append(run)
        self.below.append(self._known.setdefault(below, below))
        self.witnessed.append(witnessed)
        return len(self.origin) - 1
