"""Interrupts of one CPU as nested runs: what a handler does to its return, apart from what it cut in on.

A handler runs to its return over a context that stands still. On its way it can tell little of what it cut in on:
shared memory, current's task_struct, and which handlers may still arrive. That is where its run starts; all else is
left out. Whether a body that it enters is active below it, too, is asked outside of it.
"""

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from ctxrace.core.nested import Begin, Return
from ctxrace.core.property import Property
from ctxrace.core.system import Step
from ctxrace.kernel.model.outcome import Role
from ctxrace.kernel.model.state import CRASHED, UNLIMITED, KernelState, Others, Task, made
from ctxrace.kernel.model.system import KernelSystem
from ctxrace.kernel.properties.coverage import runs
from ctxrace.kernel.properties.demands import Exclusive
from ctxrace.kernel.properties.hang import HANG
from ctxrace.kernel.rules.contexts import Level
from ctxrace.machine.flow import Flow

__all__ = ["Below", "NestedInterrupts"]


class Below(NamedTuple):
    """What stands still while a handler runs, see `KernelState`. lower: how many handlers cannot arrive meanwhile."""

    since_idle: int
    current: int
    others: Others
    interrupts: tuple[int, ...]
    arrivals: tuple[int, ...]
    lower: int


class NestedInterrupts:
    """`system`, which tells of its interrupts as a `NestedSystem` does."""

    def __init__(self, system: KernelSystem) -> None:
        self.system = system
        exclusive = [prop for prop in system.properties if isinstance(prop, Exclusive)]
        self._exclusive = {_within(prop, system.cpu): prop for prop in exclusive}
        self._within = {runs(prop.subjects[0]): _within(prop, system.cpu) for prop in exclusive}
        self._still = system.flows.numbers((Role(Level.TASK, ""), Flow(-1, (), b"")))
        self._active: dict[tuple[object, ...], bool] = {}
        self._standing: dict[int, int] = {}
        self._back: dict[tuple[int, int], int] = {}
        groups = {group.identity: number for number, group in reversed(list(enumerate(system.groups)))}
        self._group = [groups[group.identity] for group in system.groups]
        levels = [handler.level for handler in system.handlers]  # lowest first
        self._lower = [bisect_right(levels, level) for level in levels]
        self._steps = system.steps

    @property
    def within(self) -> tuple[Property, ...]:
        """What is broken of nested runs alone, see `outside`."""
        return tuple(self._exclusive)

    @property
    def properties(self) -> tuple[Property, ...]:
        """Those of the system."""
        return self.system.properties

    def initial(self) -> KernelState:
        """Return the system's initial state."""
        return self.system.initial()

    def steps(self, state: KernelState) -> Sequence[Step]:
        """Return the system's steps; in a nested run, those that the system has in every state it was called from."""
        steps = self._steps(state)
        if self._within and state.interrupts and self._is_nested(state):
            return [self._entered(step) if step.witnessed else step for step in steps]
        return steps

    def called(self, state: KernelState, step: Step) -> Begin | None:
        """Return the run of a handler that arrives with `step`, and is not over at once."""
        after: KernelState = step.state
        shared, since_idle, current, others, interrupts, arrivals = after
        if len(interrupts) <= len(state.interrupts):
            return None
        lower, inside = 0, arrivals
        if arrivals:
            lower = self._lower[step.label.handler]  # type: ignore[attr-defined]
            inside = (0,) * lower + arrivals[lower:]
        start = made(KernelState, (shared, 0, self._stand_still(current), (), interrupts[-1:], inside))
        return Begin(start, made(Below, (since_idle, current, others, interrupts[:-1], arrivals, lower)))

    def ended(self, state: KernelState) -> bool:
        """Return whether the handler has returned. After a fault nobody does."""
        return not state.interrupts and state.shared != CRASHED

    def returned(self, below: Below, end: KernelState) -> Return:
        """Return how the context goes on that a handler has cut in on, and what is broken at that moment."""
        since_idle, current, others, interrupts, arrivals, lower = below
        system, key = self.system, (current, end.current)
        back = self._back.get(key)
        if back is None:
            task_struct = system.tasks.values[end.current].task_struct
            back = self._back[key] = system.tasks(system.tasks.values[current]._replace(task_struct=task_struct))
        if arrivals:
            arrivals = arrivals[:lower] + end.arrivals[lower:]
        after = made(KernelState, (end.shared, since_idle | end.since_idle, back, others, interrupts, arrivals))
        if not interrupts and system.is_idle(after):
            return Return(after._replace(since_idle=0), system.monitor.idle(system.contexts, after), (HANG,))
        return Return(after)

    def outside(self, state: KernelState, prop: Property) -> Property | None:
        """Return what is broken where the handler that arrives in `state` breaks `prop`."""
        exclusive = self._exclusive.get(prop)
        if exclusive is None:
            return prop
        key = (prop, state.current, state.others, state.interrupts)
        active = self._active.get(key)
        if active is None:
            activations = self.system.monitor.activations(self.system.contexts, state, exclusive.subjects[0])
            active = self._active[key] = activations > 0
        return exclusive if active else prop if self._is_nested(state) else None

    def _is_nested(self, state: KernelState) -> bool:
        return self.system.tasks.values[state.current].flow == self._still

    def _entered(self, step: Step) -> Step:
        """Return a step of a nested run with the bodies that it enters as broken: they may be active below."""
        within = tuple(self._within[prop] for prop in step.witnessed if prop in self._within)
        return step._replace(broken=(*step.broken, *within)) if within else step

    def _stand_still(self, task: int) -> int:
        """Return a task that stands still with the task_struct of `task`."""
        known = self._standing.get(task)
        if known is None:
            group, _, task_struct = self.system.tasks.values[task][:3]
            still = Task(self._group[group], self._still, task_struct, True, UNLIMITED)
            known = self._standing[task] = self.system.tasks(still)
        return known


def _within(prop: Exclusive, cpu: int) -> Property:
    """Return what stands for the body of `prop` being entered in a nested run, whatever is active below it."""
    return Property("entered", (*prop.subjects, str(cpu)), f"{prop.subjects[0]} is not entered")
