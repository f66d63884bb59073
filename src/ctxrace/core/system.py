"""The one protocol between what can happen and the engines that explore it.

A system says where it starts and which steps each state allows. An engine hands states back to it and
never looks inside them, so it cannot tell a kernel from a toy.
"""

from collections.abc import Hashable, Iterable, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

from ctxrace.core.property import Property

__all__ = ["Run", "State", "Step", "System"]

State = TypeVar("State", bound=Hashable)


class Step(NamedTuple):
    """One thing that may happen next.

    label: how the system recognises this step again; engines only store it. Equal labels never leave one state.
    state: the state it leads to. A state without steps is an end.
    switches, events: what it adds to the length of an interleaving.
    broken: the invariants that this very step breaks.
    witnessed: what it shows of the other properties, see `Expectation`.
    """

    label: Hashable
    state: Any
    switches: int = 0
    events: int = 1
    broken: tuple[Property, ...] = ()
    witnessed: tuple[Property, ...] = ()


Run = list[tuple[Any, Step]]
"""Steps one after the other, each with the state before it."""


class System(Protocol[State]):
    """What engines explore. `steps` is a function of the state alone: equal states, equal steps, equal order."""

    @property
    def properties(self) -> Sequence[Property]:
        """The properties that `Step.broken` and `Step.witnessed` may name."""
        ...

    def initial(self) -> State:
        """Return the state in which every run begins."""
        ...

    def steps(self, state: State) -> Iterable[Step]:
        """Return everything that may happen next in `state`."""
        ...
