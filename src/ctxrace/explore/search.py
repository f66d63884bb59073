"""The exhaustive search: every reachable state once, in the order of the shortest way to it.

Length is counted in switches first, then in events, so the first run found that breaks a property is also the
one to show. It is Dijkstra's algorithm with the two-part length packed into one number.
"""

import gc
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any

from ctxrace.core.property import Property
from ctxrace.core.system import Step, System
from ctxrace.explore.expand import expand

__all__ = ["Exploration", "Limits", "Progress", "search"]

Progress = Callable[[int, float], None]
"""Called now and then with the states visited and the seconds passed."""

_SWITCH = 1 << 32  # one switch outweighs any number of events
_BETWEEN_REPORTS = 4096


@dataclass(frozen=True, slots=True)
class Limits:
    """Where to stop. max_states: states to visit; timeout: seconds. None: no limit."""

    max_states: int | None = None
    timeout: float | None = None


@dataclass(frozen=True, slots=True)
class Exploration:
    """What a search found.

    states: distinct states visited; transitions: steps taken from them.
    stopped: why it ended early; empty where it visited everything, or found all properties broken.
    runs: for each broken property the shortest run that breaks it, as steps with the state before each.
    """

    states: int
    transitions: int
    seconds: float
    stopped: str = ""
    runs: dict[Property, list[tuple[Any, Step]]] = field(default_factory=dict)


def search(
    system: System[Any],
    wanted: frozenset[Property] | None = None,
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> Exploration:
    """Visit every state of `system`, or stop as soon as each property of `wanted` has its shortest violation.

    wanted: what to decide; None for all properties of the system. Ctrl-C ends the search as a limit does.
    """
    limits = limits or Limits()
    wanted = frozenset(system.properties) if wanted is None else wanted
    start = system.initial()
    lengths: dict[Hashable, int] = {start: 0}
    parents: dict[Hashable, tuple[Hashable, Step]] = {}
    broken: dict[Property, tuple[int, Hashable, Step]] = {}
    levels: dict[int, list[Hashable]] = {0: [start]}
    queue = [0]  # the keys of `levels` as a heap: states of one length wait in a list, in the order found
    states = transitions = 0
    began = time.monotonic()
    stopped = ""
    collecting = gc.isenabled()
    gc.disable()  # states are tuples without cycles: the collector would walk all of them again and again, for nothing
    try:
        while queue and not stopped:
            length = queue[0]
            if wanted and all(p in broken and broken[p][0] <= length for p in wanted):
                break
            for state in levels[length]:  # grows while it is walked: some steps cost nothing
                if lengths[state] != length:
                    continue  # a shorter way was found meanwhile
                if states == limits.max_states:
                    stopped = f"the limit of {states:,} states is reached"
                    break
                states += 1
                if not states % _BETWEEN_REPORTS or limits.timeout == 0:
                    seconds = time.monotonic() - began
                    if limits.timeout is not None and seconds >= limits.timeout:
                        stopped = f"the timeout of {limits.timeout:g} s is over"
                        break
                    if progress is not None:
                        progress(states, seconds)
                lengths[state] = ~length  # visited: below every length still to come
                for step in expand(system, state):
                    transitions += 1
                    after = length + step.switches * _SWITCH + step.events
                    for found in step.broken:
                        if found not in broken or after < broken[found][0]:
                            broken[found] = (after, state, step)
                    known = lengths.get(step.state)
                    if known is None or after < known:
                        lengths[step.state] = after
                        parents[step.state] = (state, step)
                        if after not in levels:
                            levels[after] = []
                            heappush(queue, after)
                        levels[after].append(step.state)
            else:
                del levels[heappop(queue)]
    except KeyboardInterrupt:
        stopped = "interrupted"
    finally:
        if collecting:
            gc.enable()
    seconds = time.monotonic() - began
    runs = {found: _run(parents, state, step) for found, (_, state, step) in broken.items()}
    return Exploration(states, transitions, seconds, stopped, runs)


def _run(parents: dict[Hashable, tuple[Hashable, Step]], state: Hashable, last: Step) -> list[tuple[Any, Step]]:
    """Return the steps from the initial state to `state`, and then `last`."""
    run = [(state, last)]
    while state in parents:
        state, step = parents[state]
        run.append((state, step))
    return run[::-1]
