"""Where a search stops: at its limits, or where the user ends it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from ctxrace.core import limits as budget
from ctxrace.core.errors import LimitReached
from ctxrace.core.facts.stop import Interrupted, StateLimit, Stop, TimeLimit

__all__ = ["Engine", "Limits", "Progress", "Watch", "undisturbed"]

Progress = Callable[[int, float], Stop | None]
"""Called now and then with the states visited and the seconds passed; what it returns ends the search."""

_BETWEEN_REPORTS = 512  # which take less than a second even of states with many tasks, so that it can be ended soon
_FOUND = 4  # times the limit: states that wait to be visited take memory, too


class Engine(StrEnum):
    """How to search. Both find the same; one is the reference of the other."""

    SUMMARIES = "summaries"  # nested runs are summed up, where the system allows it
    REFERENCE = "reference"  # every state is visited


@dataclass(frozen=True, slots=True)
class Limits:
    """Where to stop, and how to search.

    max_states: states to visit, or a quarter of those found; timeout: seconds. None: no limit.
    """

    max_states: int | None = None
    timeout: float | None = None
    engine: Engine = Engine.SUMMARIES


class Watch:
    """Keep a search within its limits, and report its progress. The time runs from the beginning of this."""

    def __init__(self, limits: Limits, progress: Progress | None) -> None:
        self.limits, self.progress = limits, progress
        self.began = time.monotonic()

    def seconds(self) -> float:
        """Return how long the search has run."""
        return time.monotonic() - self.began

    def limit(self, visited: int, found: int = 0) -> Stop | None:
        """Return which limit forbids to visit another state, if one does, and report progress now and then.

        visited: the states so far; found: those and the ones that wait, where they count.
        """
        most = self.limits.max_states
        if most is not None:
            if visited >= most:
                return StateLimit(most)
            if found > _FOUND * most and visited:
                return StateLimit(most, found, visited)
        if visited % _BETWEEN_REPORTS == 0:
            if limit := budget.current().exhausted():
                return limit
            seconds = self.seconds()
            if self.limits.timeout is not None and seconds >= self.limits.timeout:
                return TimeLimit(self.limits.timeout)
            if self.progress is not None and visited:
                return self.progress(visited, seconds)
        return None


def undisturbed(run: Callable[[], Stop | None]) -> Stop | None:
    """Run a search without the garbage collector; return what ended it early, `Interrupted` after Ctrl-C.

    The limit is one that `run` returns, or one of the budget in force that a step raised.
    """
    with budget.uncollected():
        try:
            return run()
        except KeyboardInterrupt:
            return Interrupted()
        except LimitReached as error:
            return error.limit
