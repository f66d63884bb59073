"""Several CPUs as one `System`: each takes its steps as a `KernelSystem` does, and tasks migrate between them.

Memory is sequentially consistent: one instruction after the other, of whichever CPU. The CPUs are idle together, when
no entry is in flight on any.
"""

from collections.abc import Hashable, Sequence
from contextlib import suppress
from typing import NamedTuple

from ctxrace.core.errors import ImageError
from ctxrace.core.interleaving import Interleaving
from ctxrace.core.property import Property
from ctxrace.core.system import Step
from ctxrace.kernel.model.assumptions import EVERYTHING, Assumptions
from ctxrace.kernel.model.state import CRASHED, EVENT, REST, KernelState, On, Others, Task
from ctxrace.kernel.model.system import KernelSystem
from ctxrace.kernel.narrate.narrator import Narrator, outcome_of
from ctxrace.kernel.scenario import Scenario
from ctxrace.machine.image import Image
from ctxrace.machine.memory import RegionKind

__all__ = ["Cpu", "SmpNarrator", "SmpState", "SmpSystem", "narrator_for", "system_for"]


class Cpu(NamedTuple):
    """What runs on one CPU: the current task, and the interrupts over it."""

    current: int
    interrupts: tuple[int, ...]


class SmpState(NamedTuple):
    """A state of all CPUs. shared, since_idle, others: as in `KernelState`. arrivals: for one CPU after the other."""

    shared: int
    since_idle: int
    cpus: tuple[Cpu, ...]
    others: Others
    arrivals: tuple[int, ...]


class SmpSystem:
    """Explore `scenario` on as many CPUs as it says. The other arguments are those of `KernelSystem`."""

    def __init__(self, image: Image, scenario: Scenario, assumed: Assumptions = EVERYTHING) -> None:
        first = KernelSystem(image, scenario, assumed)
        for cpu in range(1, scenario.cpus):
            KernelSystem(image, scenario, assumed, cpu=cpu, first=first)
        self.first, self.cpus, self.scenario = first, first.cpus, scenario
        self._armed: dict[tuple[int, int], tuple[int, ...]] = {}

    @property
    def properties(self) -> tuple[Property, ...]:
        """What the scenario demands, and what every kernel demands."""
        return self.first.properties

    def initial(self) -> SmpState:
        """Return the idle CPUs, with memory as the image has it."""
        start = self.first.initial()
        cpus = tuple(Cpu(cpu.idle, ()) for cpu in self.cpus)
        return SmpState(start.shared, 0, cpus, (), start.arrivals * len(cpus))

    def steps(self, state: SmpState) -> Sequence[Step]:
        """Return what may happen next on each CPU."""
        if state.shared == CRASHED:
            return ()
        found = []
        for number, cpu in enumerate(self.cpus):
            seen = self.seen_from(state, number)
            found += [self._embed(state, number, seen, step) for step in cpu.steps(seen)]
        return found

    def narrate(self, run: Sequence[tuple[SmpState, Step]]) -> Interleaving:
        """Tell `run` with the instructions and source lines of the image."""
        narrator = SmpNarrator(self)
        for state, step in run:
            narrator.add(state, step)
        return narrator.interleaving(run)

    def fingerprints(self) -> tuple[str, str]:
        """Return what stands in schedules for the machine code, and for the scenario and how it is explored."""
        return self.first.fingerprints()

    def seen_from(self, state: SmpState, number: int) -> KernelState:
        """Return `state` as CPU `number` sees it: what runs on others are tasks that it cannot have."""
        others = dict(state.others)
        for other, cpu in enumerate(state.cpus):
            task = self._runs_elsewhere(cpu)
            if other != number and task is not None:
                others[task] = others.get(task, 0) + 1
        mine = state.cpus[number]
        width = len(state.arrivals) // len(self.cpus)
        arrivals = state.arrivals[number * width : (number + 1) * width]
        merged = tuple(sorted(others.items()))
        return KernelState(state.shared, state.since_idle, mine.current, merged, mine.interrupts, arrivals)

    def _runs_elsewhere(self, cpu: Cpu) -> int | None:
        task = self.first.tasks.values[cpu.current]
        if task.flow == REST and not cpu.interrupts:
            return None
        if task.flow == REST:  # interrupts over the idle task
            task = task._replace(flow=self.first.frames.values[cpu.interrupts[0]].flow)
        return self.first.tasks(task._replace(elsewhere=True))

    def _embed(self, state: SmpState, number: int, seen: KernelState, step: Step) -> Step:
        after: KernelState = step.state
        tasks = self.first.tasks.values
        others = tuple(entry for entry in after.others if not tasks[entry[0]].elsewhere)
        cpus = list(state.cpus)
        cpus[number] = Cpu(after.current, after.interrupts)
        if step.label == EVENT:
            self._disarm(cpus, number, seen)
        width = len(after.arrivals)
        arrivals = (*state.arrivals[: number * width], *after.arrivals, *state.arrivals[(number + 1) * width :])
        position = SmpState(after.shared, after.since_idle, tuple(cpus), others, arrivals)
        return step._replace(label=On(number, step.label), state=position)

    def _disarm(self, cpus: list[Cpu], writer: int, seen: KernelState) -> None:
        """Clear the exclusive monitors of other CPUs that are armed for what `writer` has just written."""
        writes = self.cpus[writer].after_event(seen).move.outcome.writes
        written = {
            write.offset + at for write in writes if write.kind is RegionKind.SHARED for at in range(len(write.data))
        }
        for number, cpu in enumerate(cpus):
            if number == writer or not written:
                continue
            system = self.cpus[number]
            if cpu.interrupts:
                frame = system.frames.values[cpu.interrupts[-1]]
                if written.intersection(self._watched(number, frame.flow)):
                    disarmed = system.frames(frame._replace(flow=system.flows.disarm(frame.flow)))
                    cpus[number] = Cpu(cpu.current, (*cpu.interrupts[:-1], disarmed))
            else:
                task: Task = system.tasks.values[cpu.current]
                if task.flow != REST and written.intersection(self._watched(number, task.flow)):
                    cpus[number] = Cpu(system.tasks(task._replace(flow=system.flows.disarm(task.flow))), ())

    def _watched(self, number: int, flow: int) -> tuple[int, ...]:
        """Return where in the shared blob the bytes are for which the flow's exclusive monitor is armed."""
        known = self._armed.get((number, flow))
        if known is None:
            layout = self.cpus[number].layout
            known = ()
            for address in self.first.flows.numbers.values[flow][1].monitor:
                with suppress(ImageError):  # not shared memory
                    at = layout.locate_shared(address)
                    known = tuple(range(at, at + layout.image.arch.word))
            self._armed[number, flow] = known
        return known


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
        """Return what was told of `run`."""
        outcome = ""
        if run and run[-1][1].broken:
            state, step = run[-1]
            number = step.label.cpu  # type: ignore[attr-defined]
            seen, after = (self.system.seen_from(position, number) for position in (state, step.state))
            outcome = outcome_of(self.system.cpus[number], [(seen, step._replace(state=after))])
        return self.cpus[0].told(outcome, sum(step.switches for _, step in run))


def narrator_for(system: KernelSystem | SmpSystem) -> Narrator | SmpNarrator:
    """Return who tells runs of `system` step by step."""
    return Narrator(system) if isinstance(system, KernelSystem) else SmpNarrator(system)


def system_for(
    image: Image, scenario: Scenario, assumed: Assumptions = EVERYTHING
) -> KernelSystem | SmpSystem:
    """Return the system that explores `scenario` on its CPUs."""
    kind = KernelSystem if scenario.cpus == 1 else SmpSystem
    return kind(image, scenario, assumed)
