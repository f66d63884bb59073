"""Systems that know no machine code, small enough to be worked out by hand. Here is how; the tests compare.

Lengths are written (switches, events). In the toys with processes a state remembers who ran last, and a step of
anybody else costs one switch; the very first step costs none.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from ctxrace.core.interleaving import Event, Interleaving, Turn
from ctxrace.core.property import Property
from ctxrace.core.system import Step

__all__ = [
    "ADDS_UP",
    "BALANCED",
    "EXCLUSIVE",
    "PROGRESS",
    "Counter",
    "CounterState",
    "Endless",
    "Graph",
    "Guard",
    "GuardState",
    "Lock",
    "LockState",
    "Peterson",
    "chain",
    "edge",
]

ADDS_UP = Property("adds-up", ("counter",), "no increment is lost")
EXCLUSIVE = Property("exclusive", ("body",), "body is never active twice")
BALANCED = Property("balanced", ("counter",), "when all are done, the counter is 0 again")
PROGRESS = Property("progress", ("body",), "when all are done, the body ran")

NAMES = "AB"


def tell[S](run: Sequence[tuple[S, Step]]) -> Interleaving:
    """Tell a run of any toy: a turn for each switch, an event for each step that is one."""
    rows: list[Event | Turn] = []
    for _, step in run:
        name = str(step.label)
        rows += [Turn("switch", name)] * step.switches
        rows += [Event(name, 0, f"to {step.state}")] * step.events
    contexts = tuple(dict.fromkeys(row.context for row in rows))
    return Interleaving(contexts, tuple(rows), switches=sum(step.switches for _, step in run))
