"""Why a search ended early, and how many states there may be, as phrases."""

from collections.abc import Callable, Sequence

from ctxrace.core.errors import LimitReached
from ctxrace.core.facts.forecast import Bound, Forecast, Seen
from ctxrace.core.facts.stop import CountersGrow, Interrupted, MemoryLimit, StateLimit, Stop, TimeLimit

__all__ = ["forecast_phrase", "roughly", "stop_phrase"]

_SCALES = ((10**15, ""), (10**12, "trillion"), (10**9, "billion"), (10**6, "million"))


def stop_phrase(stop: Stop) -> str:
    """Return what ended a search."""
    match stop:
        case StateLimit(limit, 0):
            return f"the limit of {limit:,} states is reached"
        case StateLimit(limit, found, visited):
            return f"the limit of {limit:,} states is reached: {found:,} are found, {visited:,} of them visited"
        case CountersGrow(visited):
            return f"given up after {visited:,} states, as counters grow on and on"
        case TimeLimit() | MemoryLimit():
            return str(LimitReached(stop))
        case Interrupted():
            return "interrupted"


def forecast_phrase(forecast: Forecast) -> str:
    """Return how many states there may be, and what that is known from."""
    seen, of_each = forecast.seen, " of each entry" if forecast.of_each else ""
    first, last, tasks = seen[0], seen[-1], f"{forecast.tasks:,}"
    if forecast.bound is Bound.FAR_MORE:
        others = "".join(f"{it.tasks} tasks{of_each} have {_size(it)} states, " for it in seen[:-1])
        return f"{others}{last.tasks}{'' if others else f' tasks{of_each} have'} {_size(last)}: far more for {tasks}"
    if forecast.bound is Bound.ABOUT:
        sentence = (
            f"{first.tasks} tasks have {_size(first)} states, each further one {last.states - seen[-2].states:,} more"
        )
        return f"{sentence}: about {roughly(forecast.states)} for {tasks}"
    sentence = f"{_all_but_last(seen, lambda it: str(it.tasks))} and {last.tasks} tasks{of_each} have "
    sentence += f"{_all_but_last(seen, _size)} and {_size(last)} states"
    if forecast.bound is Bound.AT_MOST:
        return f"{sentence}, each further one less: no more than {roughly(forecast.states)} for {tasks}"
    return f"{sentence}: more than {roughly(forecast.states)} for {tasks}"


def _size(seen: Seen) -> str:
    return f"{'' if seen.exhausted else 'more than '}{seen.states:,}"


def _all_but_last(seen: Sequence[Seen], spell: Callable[[Seen], str]) -> str:
    return ", ".join(map(spell, seen[:-1]))


def roughly(number: int) -> str:
    """Spell a number as people say it: 2.5 billion."""
    for scale, word in _SCALES:
        if number >= scale:
            return f"{number / scale:.1f} {word}" if word else f"{number:.1e}"
    return f"{number:,}"
