"""Interrupts of several CPUs as nested runs: whole handlers, where no other CPU can tell when their steps happen.

What a handler does on one CPU is summed up only as long as no other CPU touches the memory that it touches, but for
reads on both sides. Then its steps can be moved next to its arrival, past all steps of other CPUs, and nothing changes
but their order: every run has a twin in which handlers are not interleaved with other CPUs, is as long, and breaks a
property as early (partial-order reduction). That is watched while the search runs, with what every step touches.
"""

from collections.abc import Sequence
from typing import NamedTuple

from ctxrace.core.nested import Begin, Return
from ctxrace.core.property import Property
from ctxrace.core.system import Step
from ctxrace.kernel.model.nested import Below, NestedInterrupts
from ctxrace.kernel.model.outcome import Outcome
from ctxrace.kernel.model.smp import SmpState, SmpSystem
from ctxrace.kernel.model.state import EVENT, KernelState, On
from ctxrace.kernel.rules.contexts import Level
from ctxrace.machine.memory import RegionKind

__all__ = ["HandlersMeet", "NestedSmp"]


class HandlersMeet(Exception):
    """A handler touches memory that another CPU touches, too: it cannot be taken as a whole."""


class Alone(NamedTuple):
    """A state of a nested run on CPU number `cpu`; all other CPUs stand still."""

    cpu: int
    state: KernelState


class BelowOnCpu(NamedTuple):
    """What stands still on CPU number `cpu` while a handler runs. others: the other CPUs, None in a nested run."""

    cpu: int
    below: Below
    others: SmpState | None


class NestedSmp:
    """`system`, which tells of its interrupts as a `NestedSystem` does. `steps` raises `HandlersMeet`."""

    def __init__(self, system: SmpSystem) -> None:
        self.system = system
        self._cpus = [NestedInterrupts(cpu) for cpu in system.cpus]
        self._within = {prop: number for number, cpu in enumerate(self._cpus) for prop in cpu.within}
        self._touches = _Touches(len(system.cpus))

    @property
    def properties(self) -> tuple[Property, ...]:
        """Those of the system."""
        return self.system.properties

    def initial(self) -> SmpState:
        """Return the system's initial state."""
        return self.system.initial()

    def steps(self, state: SmpState | Alone) -> Sequence[Step]:
        """Return the system's steps; in a nested run, those of its CPU."""
        if isinstance(state, SmpState):
            found = self.system.steps(state)
            for step in found:
                number, label = _taken_on(step)
                if label == EVENT:
                    self._watch(number, self.system.seen_from(state, number), Level.TASK)
            return found
        number, inner = state
        steps = self._cpus[number].steps(inner)
        if steps and inner.interrupts:
            self._watch(number, inner, Level.SOFTIRQ)
        return [step._replace(label=On(number, step.label), state=Alone(number, step.state)) for step in steps]

    def called(self, state: SmpState | Alone, step: Step) -> Begin | None:
        """Return the run of a handler that arrives with `step`, and is not over at once."""
        number, label = _taken_on(step)
        if label == EVENT:
            return None
        before, after = self._seen(state, number), self._seen(step.state, number)
        begin = self._cpus[number].called(before, Step(label, after))
        if begin is None:
            return None
        others = step.state._replace(shared=0, since_idle=0) if isinstance(step.state, SmpState) else None
        return Begin(Alone(number, begin.start), BelowOnCpu(number, begin.below, others))

    def ended(self, state: Alone) -> bool:
        """Return whether the handler has returned."""
        return self._cpus[state.cpu].ended(state.state)

    def returned(self, below: BelowOnCpu, end: Alone) -> Return:
        """Return how the context goes on that a handler has cut in on, and what is broken if all are idle."""
        number, inner, others = below
        there, *breaches = self._cpus[number].returned(inner, end.state)
        if others is None:
            return Return(Alone(number, there), *breaches)
        return Return(self.system.embed(others, number, there, Step(None, there)).state, *breaches)

    def outside(self, state: SmpState | Alone, prop: Property) -> Property | None:
        """Return what is broken where the handler that arrives in `state` breaks `prop`."""
        number = self._within.get(prop)
        return prop if number is None else self._cpus[number].outside(self._seen(state, number), prop)

    def _seen(self, state: SmpState | Alone, number: int) -> KernelState:
        return state.state if isinstance(state, Alone) else self.system.seen_from(state, number)

    def _watch(self, number: int, seen: KernelState, level: Level) -> None:
        cpu = self.system.cpus[number]
        outcome = cpu.after_event(seen).move.outcome
        identity = cpu.identity(seen.current)
        if self._touches.knows(number, identity, outcome, level):
            return
        for touch in outcome.touches:
            if cpu.layout.locate(touch.address, identity)[0] is RegionKind.SHARED:
                self._touches.note(number, level, touch.kind == "write", touch.address, touch.size)


def _taken_on(step: Step) -> On:
    assert isinstance(step.label, On)
    return step.label


class _Touches:
    """What is read and written on each CPU, in words, by tasks and by handlers."""

    def __init__(self, cpus: int) -> None:
        self._cpus = range(cpus)
        self._known: set[tuple[int, int, int, Level]] = set()
        self._kept: list[Outcome] = []  # so that no other one gets its id
        self._by: dict[tuple[int, bool, bool], set[int]] = {
            (cpu, handler, write): set() for cpu in self._cpus for handler in (False, True) for write in (False, True)
        }

    def knows(self, cpu: int, identity: int, outcome: Outcome, level: Level) -> bool:
        """Return whether this outcome has been noted, and remember it."""
        key = (cpu, identity, id(outcome), level)
        if key in self._known:
            return True
        self._known.add(key)
        self._kept.append(outcome)
        return False

    def note(self, cpu: int, level: Level, write: bool, address: int, size: int) -> None:
        """Take note of an access; raise `HandlersMeet` where it and another CPU's cannot change places."""
        # An exclusive monitor is armed for the 8 bytes from an address on.
        words = set(range(address >> 3, (address + size + 14 >> 3)))
        handler = level is not Level.TASK
        mine = self._by[cpu, handler, write]
        if words <= mine:
            return
        mine |= words
        for (other, theirs, writes), touched in self._by.items():
            if other != cpu and (handler or theirs) and (write or writes) and not touched.isdisjoint(words):
                raise HandlersMeet
