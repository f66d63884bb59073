"""From which states can a goal no longer be reached? (The states where AG EF goal fails.) And what happens there."""

from collections.abc import Hashable, Iterable, Sequence
from typing import Any

from ctxrace.core.property import Property
from ctxrace.core.system import Run, Step, System
from ctxrace.explore.backwards import Backwards
from ctxrace.explore.expand import expand
from ctxrace.explore.walk import Walk

__all__ = ["nearest_hopeless", "reaches_goal", "region", "trap", "way_to"]


def nearest_hopeless(walk: Walk, goals: Iterable[int]) -> list[int]:
    """Return the nearest of the states visited from which no goal can be reached; nothing where there is none.

    goals: numbers of states. A state that was found and not visited may lead anywhere, and counts as a goal. So what is
    returned is hopeless for certain, also where the walk has not come to its end; only then it may not be the nearest.
    """
    assert walk.edges is not None
    hopeful = Backwards(len(walk.found), walk.edges).reaching([*goals, *walk.unvisited()])
    hopeless = [number for number, whether in enumerate(hopeful) if not whether]
    nearest = min((walk.lengths[number] for number in hopeless), default=0)
    return [number for number in hopeless if walk.lengths[number] == nearest]


def trap(system: System[Any], start: Hashable, max_states: int) -> list[Any] | None:
    """Return states that are never left again, reachable from `start`: a bottom strongly connected component.

    Each of them can be reached from each other. None where more than `max_states` follow `start`.
    """
    states, _ = region(system, start, max_states)
    if len(states) > max_states:
        return None
    numbers = {state: number for number, state in enumerate(states)}
    after = [sorted({numbers[step.state] for step in expand(system, state)}) for state in states]
    before: list[list[int]] = [[] for _ in states]
    for number, following in enumerate(after):
        for other in following:
            before[other].append(number)
    inside = list(range(len(states)))
    while True:  # each time around, fewer states are inside
        last = list(_closure(inside[-1], after))
        back = _closure(inside[-1], before)
        no_way_back = [number for number in last if number not in back]
        if not no_way_back:
            return [states[number] for number in sorted(last)]
        inside = list(_closure(no_way_back[-1], after))


def _closure(start: int, edges: Sequence[Sequence[int]]) -> dict[int, None]:
    found = {start: None}
    waiting = [start]
    for number in waiting:
        for other in edges[number]:
            if other not in found:
                found[other] = None
                waiting.append(other)
    return found


def way_to(system: System[Any], start: Hashable, target: Hashable) -> Run:
    """Return a run with the fewest steps from `start` to `target`, which can be reached."""
    before: dict[Hashable, tuple[Any, Step] | None] = {start: None}
    waiting: list[Any] = [start]
    for state in waiting:
        if state == target:
            break
        for step in expand(system, state):
            if step.state not in before:
                before[step.state] = (state, step)
                waiting.append(step.state)
    run: Run = []
    at: Any = target
    while (taken := before[at]) is not None:
        run.append(taken)
        at = taken[0]
    return run[::-1]


def reaches_goal(system: System[Any], state: Hashable, prop: Property, max_states: int) -> bool | None:
    """Return whether some run from `state` leads to a goal of `prop`; None where that needs more than `max_states`."""
    states, goal = region(system, state, max_states, prop)
    return True if goal else None if len(states) > max_states else False


def region(
    system: System[Any], start: Hashable, max_states: int, until: Property | None = None
) -> tuple[list[Any], bool]:
    """Return the states that can be reached from `start`, one more than `max_states` where there are more.

    until: stop at a step that witnesses it. Returns also whether one does.
    """
    found = {start: None}
    waiting: list[Any] = [start]
    for state in waiting:
        for step in expand(system, state):
            if until is not None and until in step.witnessed:
                return waiting, True
            if step.state not in found:
                found[step.state] = None
                waiting.append(step.state)
                if len(waiting) > max_states:
                    return waiting, False
    return waiting, False
