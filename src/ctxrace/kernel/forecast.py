"""How many states many tasks would have, known from exhaustive searches with few of them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

from ctxrace.core.errors import CtxraceError
from ctxrace.core.facts.forecast import Bound, Forecast, Seen
from ctxrace.core.facts.stop import Interrupted
from ctxrace.explore.search import Exploration, Limits
from ctxrace.kernel.scenario import Scenario

__all__ = ["FEW", "SMALL", "forecast"]

FEW = (2, 3, 4)
"""The numbers of tasks of the searches that a forecast is made from."""

SMALL = 200_000
"""More states they do not visit."""

_SHARE = 10  # of the timeout


def forecast(scenario: Scenario, limits: Limits, visit: Callable[[Scenario, Limits], Exploration]) -> Forecast | None:
    """Return how many states `scenario` is to be expected to have; None where that is not known.

    visit: search a scenario to its end, or to the limits. Raises `KeyboardInterrupt` where the user stops that.
    """
    many = [group for group in scenario.tasks if group.count > FEW[-1]]
    if not many:
        return None
    timeout = None if limits.timeout is None else limits.timeout / _SHARE
    small = Limits(SMALL, timeout, limits.engine)
    seen: list[Seen] = []
    for number in FEW:
        fewer = tuple(replace(group, count=min(group.count, number)) for group in scenario.tasks)
        try:
            found = visit(replace(scenario, tasks=fewer), small)
        except CtxraceError:
            return None  # the search itself has met it, or has not come so far
        if isinstance(found.stopped, Interrupted):
            raise KeyboardInterrupt
        if not found.exhausted and found.states < SMALL:
            return None  # it took too long
        seen.append(Seen(number, found.states, found.exhausted))
        if not found.exhausted:
            break
    return _forecast(seen, max(group.count for group in many), of_each=len(many) > 1)


def _forecast(seen: Sequence[Seen], tasks: int, *, of_each: bool) -> Forecast:
    last, found = seen[-1], tuple(seen)
    if not last.exhausted:
        return Forecast(tasks, found, Bound.FAR_MORE, of_each=of_each)
    growth = [after.states - before.states for before, after in pairwise(seen)]
    straight = last.states + (tasks - last.tasks) * growth[-1]
    bound = Bound.MORE_THAN
    if not of_each and growth[0] >= growth[1]:
        bound = Bound.ABOUT if growth[0] == growth[1] else Bound.AT_MOST
    return Forecast(tasks, found, bound, straight, of_each)
