"""Why a claimed step is impossible: one fact each.

who: the context that the step speaks of. later: whether it is so after the steps before, and not from the start.
name, function: what the claim calls a function, and the program's own name for it.
"""

from dataclasses import dataclass

from ctxrace.core.facts.reason import SearchEnded
from ctxrace.core.interleaving import Access, Event
from ctxrace.core.note import Note
from ctxrace.core.turn import Turn

__all__ = [
    "AlreadyCalled",
    "AlwaysCalled",
    "CalledOrAway",
    "DidBefore",
    "DoesInstead",
    "Forbids",
    "HasValues",
    "NeverDoes",
    "NeverFinishesWithout",
    "NeverHolds",
    "NotNext",
    "NotStarted",
    "Why",
    "WouldDo",
]


@dataclass(frozen=True, slots=True)
class AlwaysCalled:
    """Every path through `entries` calls the function that the step says is not called."""

    entries: tuple[str, ...]
    name: str
    function: str


@dataclass(frozen=True, slots=True)
class NeverFinishesWithout:
    """No execution that has all the steps lets `who` finish without that call."""

    who: str
    name: str
    function: str


@dataclass(frozen=True, slots=True)
class AlreadyCalled:
    """In every execution of the steps before, `who` has made that call."""

    who: str
    name: str
    function: str


@dataclass(frozen=True, slots=True)
class CalledOrAway:
    """After the steps before, `who` is in no attempt, or has made that call."""

    who: str
    name: str
    function: str


@dataclass(frozen=True, slots=True)
class NotStarted:
    """A strict step is the first one, and `who` has not started yet; interrupt: whether it arrives instead."""

    who: str
    interrupt: bool


@dataclass(frozen=True, slots=True)
class NotNext:
    """A strict step is not what comes next; first: whether no step stands before it."""

    first: bool


@dataclass(frozen=True, slots=True)
class WouldDo:
    """What `who` could do next."""

    who: str
    rows: tuple[Event | Turn, ...]


@dataclass(frozen=True, slots=True)
class DoesInstead:
    """What `who` does of the same kind where the step would be; more: how many effects are left out."""

    who: str
    later: bool
    effects: tuple[Access | Note, ...]
    more: int = 0


@dataclass(frozen=True, slots=True)
class DidBefore:
    """`who` has made these accesses of the same kind in its attempt, and makes no such access again.

    accesses: the last of them, with the numbers of their events; times: how many there are.
    same: whether the only one given is exactly what the step says.
    """

    who: str
    accesses: tuple[tuple[int, Access], ...]
    times: int
    same: bool


@dataclass(frozen=True, slots=True)
class NeverDoes:
    """`who` never does what the step says."""

    who: str
    later: bool


@dataclass(frozen=True, slots=True)
class Forbids:
    """Step `step` of the claim forbids `who` to call `name`."""

    step: str
    who: str
    name: str


@dataclass(frozen=True, slots=True)
class HasValues:
    """The only values of `place`; more: whether there are others; idle: whether only idle CPUs are spoken of."""

    place: str
    values: tuple[int, ...]
    more: bool
    idle: bool
    later: bool


@dataclass(frozen=True, slots=True)
class NeverHolds:
    """The condition never holds."""

    later: bool


Why = (
    AlwaysCalled
    | NeverFinishesWithout
    | AlreadyCalled
    | CalledOrAway
    | NotStarted
    | NotNext
    | WouldDo
    | DoesInstead
    | DidBefore
    | NeverDoes
    | Forbids
    | HasValues
    | NeverHolds
    | SearchEnded
)
