"""How many states a scenario with many tasks is expected to have, and what that is known from."""

from dataclasses import dataclass
from enum import StrEnum

from ctxrace.core.facts.fact import Fact

__all__ = ["Bound", "Forecast", "Seen"]


class Bound(StrEnum):
    """What the expected number of states is."""

    ABOUT = "about"  # each further task adds as many
    AT_MOST = "at most"  # each further task adds less
    MORE_THAN = "more than"
    FAR_MORE = "far more"  # no number is known


@dataclass(frozen=True, slots=True)
class Seen(Fact):
    """What a search with `tasks` of them visited, and whether that was everything."""

    tasks: int
    states: int
    exhausted: bool


@dataclass(frozen=True, slots=True)
class Forecast(Fact):
    """The states to be expected with `tasks` of them.

    of_each: whether several entries have many tasks each. seen: the searches with few tasks, in order.
    states: the number that `bound` speaks of, 0 for `Bound.FAR_MORE`.
    """

    tasks: int
    seen: tuple[Seen, ...]
    bound: Bound
    states: int = 0
    of_each: bool = False
