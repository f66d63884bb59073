"""How many states many tasks would have, told from exhaustive searches with few of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from ctxrace.core.errors import CtxraceError
from ctxrace.explore.search import INTERRUPTED, Exploration, Limits
from ctxrace.kernel.scenario import Scenario

__all__ = ["FEW", "SMALL", "forecast", "roughly"]

FEW = (2, 3, 4)
"""As many tasks have the searches that it is told from."""

SMALL = 200_000
"""More states they do not visit."""

_SHARE = 10  # of the timeout
_SCALES = ((10**15, ""), (10**12, "trillion"), (10**9, "billion"), (10**6, "million"))


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a search with `tasks` of them visited, and whether that was everything."""

    tasks: int
    states: int
    exhausted: bool

    def __str__(self) -> str:
        return f"{'' if self.exhausted else 'more than '}{self.states:,}"


def forecast(scenario: Scenario, limits: Limits, visit: Callable[[Scenario, Limits], Exploration]) -> str:
    """Say how many states `scenario` is to be expected to have; nothing where that cannot be told.

    visit: search a scenario to its end, or to the limits. Raises `KeyboardInterrupt` where the user stops that.
    """
    many = [group for group in scenario.tasks if group.count > FEW[-1]]
    if not many:
        return ""
    timeout = None if limits.timeout is None else limits.timeout / _SHARE
    small = Limits(SMALL, timeout, limits.engine)
    seen: list[_Seen] = []
    for number in FEW:
        fewer = tuple(replace(group, count=min(group.count, number)) for group in scenario.tasks)
        try:
            found = visit(replace(scenario, tasks=fewer), small)
        except CtxraceError:
            return ""  # the search itself has met it, or has not come so far
        if found.stopped == INTERRUPTED:
            raise KeyboardInterrupt
        if not found.exhausted and found.states < SMALL:
            return ""  # it took too long
        seen.append(_Seen(number, found.states, found.exhausted))
        if not found.exhausted:
            break
    return _told(seen, max(group.count for group in many), "" if len(many) == 1 else " of each entry")


def _told(seen: Sequence[_Seen], tasks: int, of_each: str) -> str:
    first, last = seen[0], seen[-1]
    if not last.exhausted:
        others = "".join(f"{it.tasks} tasks{of_each} have {it} states, " for it in seen[:-1])
        return f"{others}{last.tasks}{'' if others else f' tasks{of_each} have'} {last}: far more for {tasks:,}"
    growth = [after.states - before.states for before, after in pairwise(seen)]
    straight = last.states + (tasks - last.tasks) * growth[-1]
    if growth[0] == growth[1] and not of_each:
        said = f"{first.tasks} tasks have {first} states, each further one {growth[0]:,} more"
        return f"{said}: about {roughly(straight)} for {tasks:,}"
    said = f"{', '.join(str(it.tasks) for it in seen[:-1])} and {last.tasks} tasks{of_each} have "
    said += f"{', '.join(map(str, seen[:-1]))} and {last} states"
    if growth[0] > growth[1] and not of_each:
        return f"{said}, each further one less: no more than {roughly(straight)} for {tasks:,}"
    return f"{said}: more than {roughly(straight)} for {tasks:,}"


def roughly(number: int) -> str:
    """Spell a number as people say it: 2.5 billion."""
    for scale, word in _SCALES:
        if number >= scale:
            return f"{number / scale:.1f} {word}" if word else f"{number:.1e}"
    return f"{number:,}"
