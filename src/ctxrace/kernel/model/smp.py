"""Several CPUs as one `System`: each takes its steps as a `KernelSystem` does, and tasks migrate between them.

Memory is sequentially consistent: one instruction after the other, of whichever CPU. The CPUs are idle together, when
no entry is in flight on any.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from ctxrace.core.errors import ImageError
from ctxrace.core.property import Property
from ctxrace.core.system import Step
from ctxrace.kernel.model.state import CRASHED, EVENT, REST, KernelState, On, Others, Task
from ctxrace.kernel.model.system import KernelSystem
from ctxrace.machine.memory import RegionKind

__all__ = ["Cpu", "SmpState", "SmpSystem"]


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
    """Explore what the contexts of `cpus`, which share their numbers and their monitor, may do together."""

    def __init__(self, cpus: Sequence[KernelSystem]) -> None:
        self.cpus, self.first, self.scenario = tuple(cpus), cpus[0], cpus[0].scenario
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
            found += [self.embed(state, number, seen, step) for step in cpu.steps(seen)]
        return found

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

    def embed(self, state: SmpState, number: int, seen: KernelState, step: Step) -> Step:
        """Return `step`, which CPU `number` takes in what it sees of `state`, as a step of all CPUs."""
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
            watched: list[int] = []
            for address in self.first.flows.numbers.values[flow][1].monitor:
                with suppress(ImageError):  # not shared memory
                    at = layout.locate_shared(address)
                    watched += range(at, at + layout.image.arch.word)
            known = self._armed[number, flow] = tuple(watched)
        return known
