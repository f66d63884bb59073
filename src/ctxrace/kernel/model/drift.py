"""States that differ only in how far counters have drifted, as one state: a symmetry reduction.

Where every step is the same after any drift (`ctxrace.machine.drift`), a state and its image under a drift allow the
same steps, which lead to states that are again each other's images: they are bisimilar. So one of them stands for all,
the one whose widest counter of each group is as low as drifts can make it.
"""

from collections.abc import Hashable, Sequence
from typing import Any

from ctxrace.core.property import Property
from ctxrace.core.system import Run, Step
from ctxrace.kernel.model.smp import Cpu, SmpState, SmpSystem
from ctxrace.kernel.model.state import CRASHED, REST, Others
from ctxrace.kernel.model.system import KernelSystem
from ctxrace.machine.drift.memory import Counters
from ctxrace.machine.drift.number import low
from ctxrace.machine.flow import Flow

__all__ = ["UpToDrift"]

_BYTE = 8

Drifts = tuple[tuple[int, int], ...]
"""By how much each group of counters has drifted, but for those that have not."""


class UpToDrift:
    """`system`, of which one state stands for all that differ from it by a drift of `counters`."""

    def __init__(self, system: KernelSystem | SmpSystem, counters: Counters) -> None:
        self.system = system
        self.first = system.cpus[0]
        self._groups: dict[int, list[tuple[range, int]]] = {}  # where each counter is kept, and its fixed bits
        for counter in sorted(counters.drifting, key=lambda counter: -len(counter.place)):
            at = self.first.layout.locate_shared(counter.place.start)
            place = range(at, at + len(counter.place))
            self._groups.setdefault(counter.group, []).append((place, counter.fixed))
        self._drifts: dict[int, tuple[int, Drifts]] = {}
        self._flows: dict[tuple[int, Drifts], int] = {}

    @property
    def properties(self) -> tuple[Property, ...]:
        """Those of the system."""
        return self.system.properties

    def initial(self) -> Any:  # noqa: ANN401 - a state of the system
        """Return what stands for the system's initial state."""
        return self.settled(self.system.initial())

    def steps(self, state: Any) -> Sequence[Step]:  # noqa: ANN401 - a state of the system
        """Return the system's steps, each to what stands for the state after it."""
        return [
            step if step.state.shared == state.shared else step._replace(state=self.settled(step.state))
            for step in self.system.steps(state)
        ]

    def settled(self, state: Any) -> Any:  # noqa: ANN401 - a state of the system
        """Return the state that stands for `state`."""
        if state.shared == CRASHED:
            return state
        shared, drifts = self._drifted(state.shared)
        if not drifts:
            return state
        others = self._others(state.others, drifts)
        if isinstance(state, SmpState):
            cpus = tuple(self._cpu(cpu.current, cpu.interrupts, drifts) for cpu in state.cpus)
            return state._replace(shared=shared, cpus=cpus, others=others)
        current, interrupts = self._cpu(state.current, state.interrupts, drifts)
        return state._replace(shared=shared, current=current, others=others, interrupts=interrupts)

    def lifted(self, run: Run) -> Run:
        """Return a run of the system itself whose states `run` stands for, step by step."""
        lifted: Run = []
        state: Any = self.system.initial()
        for _, step in run:
            found = next(
                real
                for real in self.system.steps(state)
                if _kind(real.label) == _kind(step.label)
                and real[2:4] == step[2:4]
                and self.settled(real.state) == step.state
            )
            lifted.append((state, found._replace(broken=step.broken)))
            state = found.state
        return lifted

    def _drifted(self, shared: int) -> tuple[int, Drifts]:
        """Return shared memory without its drift, and that."""
        known = self._drifts.get(shared)
        if known is None:
            order = self.first.layout.image.arch.byte_order
            memory = bytearray(self.first.shared.values[shared])
            drifts: dict[int, int] = {}
            for number, group in self._groups.items():
                widest, fixed = group[0]
                value = int.from_bytes(memory[widest.start : widest.stop], order)
                if drift := value & ~low(fixed):
                    drifts[number] = drift
                    for place, _ in group:
                        kept = slice(place.start, place.stop)
                        left = int.from_bytes(memory[kept], order) - drift & low(len(place) * _BYTE)
                        memory[kept] = left.to_bytes(len(place), order)
            known = self._drifts[shared] = self.first.shared(bytes(memory)), tuple(drifts.items())
        return known

    def _others(self, others: Others, drifts: Drifts) -> Others:
        return tuple(sorted((self._task(task, drifts), number) for task, number in others))

    def _task(self, number: int, drifts: Drifts) -> int:
        task = self.first.tasks.values[number]
        return number if task.flow == REST else self.first.tasks(task._replace(flow=self._flow(task.flow, drifts)))

    def _cpu(self, current: int, interrupts: tuple[int, ...], drifts: Drifts) -> Cpu:
        frames = [self.first.frames.values[number] for number in interrupts]
        settled = (self.first.frames(frame._replace(flow=self._flow(frame.flow, drifts))) for frame in frames)
        return Cpu(self._task(current, drifts), tuple(settled))

    def _flow(self, number: int, drifts: Drifts) -> int:
        known = self._flows.get((number, drifts))
        if known is None:
            role, flow = self.first.flows.numbers.values[number]
            known = self._flows[number, drifts] = self.first.flows.numbers((role, _without(flow, dict(drifts))))
        return known


def _without(flow: Flow, drifts: dict[int, int]) -> Flow:
    """Return `flow` without what it has drifted by, for each group."""
    words, stack = dict(flow.registers), bytearray(flow.stack)
    for mark in flow.marks:
        drift, every = drifts.get(mark.group, 0), low(mark.width * _BYTE)
        if not mark.width or not drift:
            continue
        if mark.on_stack:
            place = slice(mark.at, mark.at + mark.width)
            stack[place] = (int.from_bytes(stack[place], "little") - drift & every).to_bytes(mark.width, "little")
        else:
            word = words.get(mark.at, 0)
            words[mark.at] = word & ~every | word - drift & every
    return flow._replace(registers=tuple(sorted((at, word) for at, word in words.items() if word)), stack=bytes(stack))


def _kind(label: Hashable) -> tuple[object, ...]:
    return type(label), getattr(label, "cpu", None), type(getattr(label, "label", None))
