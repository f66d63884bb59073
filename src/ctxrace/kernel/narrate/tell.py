"""Tell a run of a system, however many CPUs it has."""

from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import Any

from ctxrace.core.ending import Ending
from ctxrace.core.hang import Hang
from ctxrace.core.interleaving import Interleaving
from ctxrace.core.system import Step
from ctxrace.kernel.model.smp import SmpState, SmpSystem
from ctxrace.kernel.model.state import On
from ctxrace.kernel.model.system import KernelSystem
from ctxrace.kernel.narrate.endings import endings_of
from ctxrace.kernel.narrate.hang import hang_of
from ctxrace.kernel.narrate.narrator import Narrator

__all__ = ["SmpNarrator", "narrate", "narrator_for"]


def narrate(system: KernelSystem | SmpSystem, run: Sequence[tuple[Any, Step]]) -> Interleaving:
    """Return `run` as rows: events with instructions and source lines, and the turns between contexts."""
    narrator: Any = narrator_for(system)
    for state, step in run:
        narrator.add(state, step)
    interleaving: Interleaving = narrator.interleaving(run)
    if Hang() in interleaving.endings:
        facts = hang_of(system, run[-1][1].state, narrator)
        endings = tuple(facts if ending == Hang() else ending for ending in interleaving.endings)
        interleaving = replace(interleaving, endings=endings)
    return interleaving


def narrator_for(system: KernelSystem | SmpSystem) -> "Narrator | SmpNarrator":
    """Return what tells runs of `system` step by step."""
    return Narrator(system) if isinstance(system, KernelSystem) else SmpNarrator(system)


class SmpNarrator:
    """Tell a run of an `SmpSystem`, one CPU's narrator for each step."""

    def __init__(self, system: SmpSystem) -> None:
        self.system = system
        first = Narrator(system.first)
        self.cpus = [first, *(Narrator(cpu, first) for cpu in system.cpus[1:])]

    def add(self, state: SmpState, step: Step) -> None:
        """Tell the next step, taken in `state`."""
        assert isinstance(step.label, On)
        seen = self.system.seen_from(state, step.label.cpu)
        self.cpus[step.label.cpu].add(seen, step._replace(label=step.label.label))

    def runners(self) -> frozenset[str]:
        """Return who runs, as a schedule calls them."""
        return frozenset().union(*(cpu.runners() for cpu in self.cpus))

    def taker(self, label: Hashable) -> tuple[str, bool]:
        """Return who takes the step called `label`, as a schedule calls it, and whether it is an event."""
        assert isinstance(label, On)
        return self.cpus[label.cpu].taker(label.label)

    def interleaving(self, run: Sequence[tuple[SmpState, Step]]) -> Interleaving:
        """Return `run` as an interleaving."""
        endings: tuple[Ending, ...] = ()
        if run and run[-1][1].broken:
            state, step = run[-1]
            number = step.label.cpu  # type: ignore[attr-defined]
            seen, after = (self.system.seen_from(position, number) for position in (state, step.state))
            endings = endings_of(self.system.cpus[number], [(seen, step._replace(state=after))], self.cpus[0].rows)
        return self.cpus[0].ending_in(endings, sum(step.switches for _, step in run))
