"""The properties that a source declares: one small class for each kind, which carries its condition."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from ctxrace.core.property import Property

__all__ = ["Balanced", "Demand", "Exclusive", "Progress", "Recovers", "View", "watched"]


class View(Protocol):
    """What a condition may ask about a state of the kernel, as one CPU sees it."""

    def activations(self, body: str) -> int:
        """Return how often the function `body` is active on this CPU."""
        ...

    def unchanged(self, variable: str) -> bool:
        """Return whether `variable` has its initial value, on every CPU where it is per-CPU."""
        ...

    def recovers(self, entry: str, body: str) -> bool:
        """Return whether one more `entry`, begun in this idle state and left alone, runs `body`."""
        ...

    def attempted(self, entry: str) -> bool:
        """Return whether `entry` has begun since the CPU was last idle."""
        ...

    def ran(self, body: str) -> bool:
        """Return whether `body` has begun since the CPU was last idle."""
        ...


@dataclass(frozen=True, slots=True)
class Demand(Property):
    """A property that is judged where a watched function begins, or where the CPU becomes idle."""

    @property
    def watches(self) -> tuple[str, ...]:
        """The functions whose activations the condition is about."""
        return ()

    def holds_when_entered(self, body: str, view: View) -> bool:  # noqa: ARG002
        """Return whether it holds now that the function `body` has begun."""
        return True

    def holds_when_idle(self, view: View) -> bool:  # noqa: ARG002
        """Return whether it holds now that the CPU is idle."""
        return True


@dataclass(frozen=True, slots=True)
class Exclusive(Demand):
    """Its function is never active twice on one CPU."""

    @property
    def watches(self) -> tuple[str, ...]:
        """Its function."""
        return self.subjects

    def holds_when_entered(self, body: str, view: View) -> bool:
        """Return whether no other activation of the function was there."""
        return body != self.subjects[0] or view.activations(body) <= 1


@dataclass(frozen=True, slots=True)
class Balanced(Demand):
    """Its variable has its initial value whenever the CPU is idle."""

    def holds_when_idle(self, view: View) -> bool:
        """Return whether the variable has its initial value."""
        return view.unchanged(self.subjects[0])


@dataclass(frozen=True, slots=True)
class Recovers(Demand):
    """Whenever the CPU is idle, one more undisturbed entry runs the body."""

    @property
    def watches(self) -> tuple[str, ...]:
        """The body."""
        return self.subjects[1:]

    def holds_when_idle(self, view: View) -> bool:
        """Return whether one more entry runs the body."""
        return view.recovers(*self.subjects)


@dataclass(frozen=True, slots=True)
class Progress(Demand):
    """Between two idle moments with the entry in between, the body ran."""

    @property
    def watches(self) -> tuple[str, ...]:
        """The body."""
        return self.subjects[1:]

    def holds_when_idle(self, view: View) -> bool:
        """Return whether the entry was not attempted, or the body ran."""
        entry, body = self.subjects
        return not view.attempted(entry) or view.ran(body)


def watched(properties: Iterable[Property]) -> tuple[str, ...]:
    """Return the functions whose activations `properties` are about, each once."""
    return tuple(dict.fromkeys(body for prop in properties if isinstance(prop, Demand) for body in prop.watches))
