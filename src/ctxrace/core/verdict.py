"""Verdicts: what a search may say about a property, and the whole result of a check."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum

from ctxrace.core.facts.reason import OnlyIfSequential, Reason
from ctxrace.core.facts.remark import Remark
from ctxrace.core.interleaving import Interleaving
from ctxrace.core.property import Property
from ctxrace.core.setup import Setup
from ctxrace.core.source import Coverage

__all__ = ["Outcome", "Result", "Verdict", "worst"]


class Outcome(StrEnum):
    """The three answers. A search that stopped early never says `HOLDS`."""

    HOLDS = "holds"
    VIOLATED = "violated"
    INCOMPLETE = "incomplete"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Say what one search found out about one property.

    states, transitions: distinct states visited and steps taken from them, by the search that decided it.
    seconds: wall time of that search.
    sequential: for `HOLDS`, whether memory between CPUs was taken to be sequentially consistent, which hardware is not.
    interleaving: for `VIOLATED`, the run with the fewest switches, then the fewest events.
    reason: for `INCOMPLETE`, why the search ended; for `VIOLATED`, what is to be known about the interleaving.
    """

    property: Property
    outcome: Outcome
    states: int
    transitions: int
    seconds: float
    interleaving: Interleaving | None = None
    reason: Reason | None = None
    sequential: bool = False

    def __str__(self) -> str:
        size = f"{self.states:,} states, {self.transitions:,} transitions"
        match self.outcome:
            case Outcome.VIOLATED if self.interleaving is not None:
                found = self.interleaving
                return f"{self.property}: violated ({found.length}; {size})\n{found}"
            case Outcome.INCOMPLETE:
                why = f", {self.reason}" if self.reason else ""
                return f"{self.property}: incomplete{why} ({size})"
            case _:
                return f"{self.property}: {self.outcome} ({size})"


@dataclass(frozen=True, slots=True)
class Result:
    """Hold the verdicts of one scenario.

    setup: what was checked.
    command: what to type to see this result again. replay: the same for one interleaving, but for its schedule.
    notes: what a reader must know besides (an interrupt that never arrived, stacks that are shared).
    hang: whether a context can hang, which is asked unless other properties alone are; it is among the verdicts only
    where it is violated, or asked for by name.
    coverage: which lines some interleaving executed.
    """

    setup: Setup
    verdicts: tuple[Verdict, ...]
    command: str = ""
    notes: tuple[Remark, ...] = ()
    replay: str = ""
    hang: Verdict | None = None
    coverage: Coverage = field(default_factory=Coverage)

    @property
    def judged(self) -> tuple[Verdict, ...]:
        """The verdicts, and in any case the one about hangs."""
        if self.hang is None or self.hang in self.verdicts:
            return self.verdicts
        return (*self.verdicts, self.hang)

    @property
    def case(self) -> str:
        """The file or guard that was checked."""
        return self.setup.case

    @property
    def outcome(self) -> Outcome:
        """The worst of the verdicts. Nothing judged is incomplete."""
        return worst(verdict.outcome for verdict in self.verdicts) if self.verdicts else Outcome.INCOMPLETE

    def strictly(self) -> "Result":
        """Return the result in which nothing holds that was proved for sequentially consistent memory alone.

        Between CPUs, hardware reorders what a search does not. What is violated stays so, as hardware may do it, too.
        """
        if self.setup.cpus == 1:
            return self
        hang = None if self.hang is None else _doubted(self.hang)
        return replace(self, verdicts=tuple(map(_doubted, self.verdicts)), hang=hang)

    def __str__(self) -> str:
        return "\n".join([f"{self.case}: {self.outcome}", *map(str, self.verdicts), *map(str, self.notes)])


def _doubted(verdict: Verdict) -> Verdict:
    if verdict.outcome is not Outcome.HOLDS:
        return verdict
    return replace(verdict, outcome=Outcome.INCOMPLETE, reason=OnlyIfSequential())


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """Return the outcome of several outcomes together: violated before incomplete before holds."""
    found = set(outcomes)
    return next((outcome for outcome in (Outcome.VIOLATED, Outcome.INCOMPLETE) if outcome in found), Outcome.HOLDS)
