"""Why a search, or a phase before it, ended early."""

from dataclasses import dataclass

from ctxrace.core.facts.fact import Fact

__all__ = ["CountersGrow", "Interrupted", "MemoryLimit", "StateLimit", "Stop", "TimeLimit"]


@dataclass(frozen=True, slots=True)
class StateLimit(Fact):
    """So many states are visited as are allowed.

    found, visited: where those that wait to be visited take too much memory, how many there were of each; else 0.
    """

    limit: int
    found: int = 0
    visited: int = 0


@dataclass(frozen=True, slots=True)
class TimeLimit(Fact):
    """The timeout is over. doing: the phase, empty for the search."""

    seconds: float
    doing: str = ""


@dataclass(frozen=True, slots=True)
class MemoryLimit(Fact):
    """So many bytes of memory are in use as are allowed. doing: the phase, empty for the search."""

    size: int
    doing: str = ""


@dataclass(frozen=True, slots=True)
class CountersGrow(Fact):
    """After so many states, variables have more values than could ever be visited in time."""

    visited: int


@dataclass(frozen=True, slots=True)
class Interrupted(Fact):
    """The user ended it."""


Stop = StateLimit | TimeLimit | MemoryLimit | CountersGrow | Interrupted
