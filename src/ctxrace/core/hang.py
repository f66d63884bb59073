"""Why nothing can happen any more: where each context in flight stands in a hang, and what it waits for."""

from dataclasses import dataclass
from enum import StrEnum

from ctxrace.core.facts.fact import Fact
from ctxrace.core.source import Source

__all__ = ["Activity", "Changer", "Hang", "Hindrance", "Stuck", "Waited"]


class Activity(StrEnum):
    """What a context in flight does in a hang."""

    SPINS = "spins"  # it runs, and takes the same steps again and again
    LOOPS = "loops"  # it runs, and touches nothing that another context can reach
    INTERRUPTED = "interrupted"  # an interrupt runs over it
    OFF_CPU = "off cpu"  # another task has its CPU, and does not give it up
    SLEEPS = "sleeps"  # it has given up the CPU, and is not woken


class Hindrance(StrEnum):
    """Why a context that could change a variable does not."""

    INTERRUPTED = "interrupted"  # an interrupt runs over it
    OFF_CPU = "off cpu"  # another task has its CPU
    STUCK = "stuck"  # it waits for something itself
    NO_ATTEMPT = "no attempt"  # it has begun as often as the scenario lets it
    CANNOT_BEGIN = "cannot begin"  # it is masked, or its CPU is taken
    NO_HELP = "no help"  # it begins and returns, and that does not help


@dataclass(frozen=True, slots=True)
class Changer:
    """A context that writes a variable elsewhere in the search.

    context: its name if it is in flight, else its level; entry: what it runs; by: the context that keeps it from
    running, if one does.
    """

    context: str
    entry: str
    hindrance: Hindrance
    by: str = ""


@dataclass(frozen=True, slots=True)
class Waited:
    """A variable that a context reads again and again: `name` as C spells it, the `values` that it finds."""

    name: str
    values: tuple[int, ...]
    changers: tuple[Changer, ...]


@dataclass(frozen=True, slots=True)
class Stuck:
    """A context in flight that cannot come to its end.

    context: as in the interleaving; level: ``task``, ``softirq``, ...; cpu: where it is; entry: what it runs.
    function, source, instruction: where it stands. by: the context over it, or the one that has its CPU.
    """

    context: str
    level: str
    cpu: int
    entry: str
    function: str
    source: Source | None
    instruction: str
    activity: Activity
    by: str = ""
    waits_for: tuple[Waited, ...] = ()

    def __str__(self) -> str:
        waits = f" for {', '.join(waited.name for waited in self.waits_for)}" if self.waits_for else ""
        return f"{self.context} in {self.function or self.entry} {self.activity}{waits}"


@dataclass(frozen=True, slots=True)
class Hang(Fact):
    """From here on, nothing that can happen lets every entry in flight come to its end.

    contexts: those in flight, of one CPU after the other, each below the interrupts over it. settled: whether this is
    how it stays for ever; otherwise it is where the interleaving ends, because too many states follow to know.
    """

    contexts: tuple[Stuck, ...] = ()
    settled: bool = True
