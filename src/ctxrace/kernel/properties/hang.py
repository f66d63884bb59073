"""No context hangs: what every kernel demands of the way on from a state, and not of a step."""

from dataclasses import dataclass
from typing import ClassVar

from ctxrace.core.property import Expectation, Property

__all__ = ["HANG", "Hang"]


@dataclass(frozen=True, slots=True)
class Hang(Property):
    """From every reachable state some run leads to one where no entry is in flight on any CPU (AG EF idle).

    Then each entry in flight has come to its end. It must be all of them at once: a task that hangs may still migrate,
    and so leave each CPU idle in its turn.
    """

    expectation: ClassVar[Expectation] = Expectation.ALWAYS_POSSIBLE

    def __str__(self) -> str:
        return "no hang"


HANG = Hang("hang", (), "from every reachable state each entry that has begun can still come to its end")
