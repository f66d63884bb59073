"""What a check shows to happen in some interleaving. What never happens makes a proof say less than it seems to."""

from dataclasses import dataclass
from typing import ClassVar

from ctxrace.core.property import Expectation, Property

__all__ = ["Arrives", "Begins", "Finishes", "Runs", "arrives", "begins", "finishes", "runs"]


@dataclass(frozen=True, slots=True)
class Runs(Property):
    """A watched function runs."""

    expectation: ClassVar[Expectation] = Expectation.SOMETIMES


@dataclass(frozen=True, slots=True)
class Begins(Property):
    """A task begins an entry."""

    expectation: ClassVar[Expectation] = Expectation.SOMETIMES


@dataclass(frozen=True, slots=True)
class Arrives(Property):
    """An interrupt of a level begins an entry."""

    expectation: ClassVar[Expectation] = Expectation.SOMETIMES


@dataclass(frozen=True, slots=True)
class Finishes(Property):
    """An entry returns."""

    expectation: ClassVar[Expectation] = Expectation.SOMETIMES


def runs(body: str) -> Runs:
    """Expect that the function `body` runs in some interleaving."""
    return Runs("runs", (body,), f"{body} runs in some interleaving")


def begins(entry: str) -> Begins:
    """Expect that a task begins `entry`."""
    return Begins("begins", (entry,), f"some task begins {entry}")


def arrives(level: str, entry: str) -> Arrives:
    """Expect that an interrupt of `level`, whose handler is `entry`, arrives."""
    return Arrives("arrives", (level, entry), f"some {level} arrives and begins {entry}")


def finishes(entry: str) -> Finishes:
    """Expect that `entry` returns."""
    return Finishes("finishes", (entry,), f"{entry} returns in some interleaving")
