"""Interrupts of one CPU as nested runs: what a handler does to its return, apart from what it cut in on.

A handler runs to its return over a context that stands still. On its way it can tell little of what it cut in on:
shared memory, current's task_struct, and which handlers may still arrive. That, and which bodies are active below it,
for the invariants about them, is where its run starts; all else is left out.
"""

from collections.abc import Sequence

from ctxrace.core.nested import Return
from ctxrace.core.property import Property
from ctxrace.core.system import Step
from ctxrace.kernel.model.flows import Role
from ctxrace.kernel.model.state import UNLIMITED, Arrive, KernelState, Task
from ctxrace.kernel.model.system import KernelSystem
from ctxrace.kernel.properties.demands import Exclusive
from ctxrace.kernel.properties.hang import HANG
from ctxrace.kernel.rules.contexts import Level
from ctxrace.machine.flow import Activation, Flow

__all__ = ["NestedInterrupts"]


class NestedInterrupts:
    """`system`, which tells of its interrupts as a `NestedSystem` does."""

    def __init__(self, system: KernelSystem) -> None:
        self.system = system
        # Of other activations these conditions ask whether there are any, not how many; all others ask when idle.
        self._bodies = [prop.subjects[0] for prop in system.properties if isinstance(prop, Exclusive)]
        self._below: dict[tuple[object, ...], tuple[str, ...]] = {}
        self._standing: dict[tuple[int, int, tuple[str, ...]], int] = {}
        groups = {group.identity: number for number, group in reversed(list(enumerate(system.groups)))}
        self._group = [groups[group.identity] for group in system.groups]
        self._steps = system.steps

    @property
    def properties(self) -> tuple[Property, ...]:
        """Those of the system."""
        return self.system.properties

    def initial(self) -> KernelState:
        """Return the system's initial state."""
        return self.system.initial()

    def steps(self, state: KernelState) -> Sequence[Step]:
        """Return the system's steps; in a nested run, those that the system has in every state it was called from."""
        return self._steps(state)

    def called(self, state: KernelState, step: Step) -> KernelState | None:
        """Return where a handler's run starts that arrives with `step`, and is not over at once."""
        after: KernelState = step.state
        if len(after.interrupts) <= len(state.interrupts):
            return None
        arrivals = after.arrivals
        if arrivals:
            lowest = self.system.handlers[step.label.handler].level  # type: ignore[attr-defined]
            arrivals = tuple(
                left if handler.level > lowest else 0
                for handler, left in zip(self.system.handlers, arrivals, strict=True)
            )
        current = self._stand_still(after.current, self._active(state))
        return KernelState(after.shared, 0, current, (), after.interrupts[-1:], arrivals)

    def ended(self, state: KernelState) -> bool:
        """Return whether the handler has returned."""
        return not state.interrupts

    def returned(self, step: Step, end: KernelState) -> Return:
        """Return how the context goes on that the handler of `step` cut in on, and what is broken at that moment."""
        system, label = self.system, step.label
        began: KernelState = step.state
        assert isinstance(label, Arrive)
        task_struct = system.tasks.values[end.current].task_struct
        current = system.tasks(system.tasks.values[began.current]._replace(task_struct=task_struct))
        arrivals = began.arrivals
        if arrivals:
            lowest = system.handlers[label.handler].level
            arrivals = tuple(
                inside if handler.level > lowest else left
                for handler, left, inside in zip(system.handlers, arrivals, end.arrivals, strict=True)
            )
        since_idle = began.since_idle | end.since_idle
        after = KernelState(end.shared, since_idle, current, began.others, began.interrupts[:-1], arrivals)
        if system.is_idle(after):
            return Return(after._replace(since_idle=0), system.monitor.idle(system.contexts, after), (HANG,))
        return Return(after)

    def _active(self, state: KernelState) -> tuple[str, ...]:
        """Return the bodies that are active on the CPU: another activation is one too many."""
        key = (state.current, state.others, state.interrupts)
        known = self._below.get(key)
        if known is None:
            system = self.system
            bodies = (body for body in self._bodies if system.monitor.activations(system.contexts, state, body))
            known = self._below[key] = tuple(bodies)
        return known

    def _stand_still(self, task: int, active: tuple[str, ...]) -> int:
        """Return a task that stands still with the task_struct of `task`, and the bodies `active` below interrupts."""
        group, _, task_struct = self.system.tasks.values[task][:3]
        key = (self._group[group], task_struct, active)
        known = self._standing.get(key)
        if known is None:
            flow = Flow(-1, (), b"", active=tuple(Activation(body, 0, 0) for body in active))
            number = self.system.flows.numbers((Role(Level.TASK, ""), flow))
            known = self._standing[key] = self.system.tasks(Task(key[0], number, task_struct, True, UNLIMITED))
        return known
