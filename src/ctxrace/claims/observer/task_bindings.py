"""Where the named tasks of a claim are, in a system whose symmetry reduction identifies equal tasks.

A named task runs, or waits as one of the tasks with a given number, or has not begun yet. Where one of several equal
tasks goes on, it may be any of them.
"""

from ctxrace.claims.resolve import Resolved
from ctxrace.kernel.model.state import REST, KernelState
from ctxrace.kernel.model.system import KernelSystem
from ctxrace.kernel.rules.contexts import INTERRUPT_NAMES

__all__ = ["RUNS", "UNNAMED", "Bindings", "TaskBindings"]

RUNS = -2
"""Stands for a task that runs, or that interrupts run over."""
_FRESH = -1
UNNAMED = -1
"""The actor that is a task which the claim does not name."""

Bindings = tuple[int, ...]
"""Of each named task `RUNS`, its number among the others, or that it is as fresh as at the start."""


class TaskBindings:
    """Find the contexts that `resolved` names in states of `system`.

    names: the tasks. contexts: what an actor is called, by its number: the tasks, then the interrupts by level.
    """

    def __init__(self, system: KernelSystem, resolved: Resolved) -> None:
        self.system = system
        self.names = tuple(resolved.names)
        self.contexts = (*self.names, *INTERRUPT_NAMES)
        self.at_first: Bindings = (_FRESH,) * len(self.names)
        self._fresh = frozenset(system.fresh)
        sizes = [group.size for group in system.groups[:-1]]
        group_of = [number for number, size in enumerate(sizes) for _ in range(size)]
        self._groups = [group_of[resolved.names[name]] for name in self.names]

    def name(self, actor: int) -> str:
        """Return what the claim calls `actor`; empty where it has no name for it."""
        return self.contexts[actor] if actor >= 0 else ""

    def running(self, state: KernelState, where: Bindings) -> int:
        """Return the context that runs in `state`."""
        if state.interrupts:
            flow = self.system.frames.values[state.interrupts[-1]].flow
            role, _ = self.system.flows.numbers.values[flow]
            return len(self.names) + role.level - 1
        return where.index(RUNS) if RUNS in where else UNNAMED

    def in_flight(self, state: KernelState, where: Bindings, actor: int) -> bool:
        """Return whether `actor` is in an attempt."""
        if actor < len(self.names):
            return where[actor] == RUNS or (
                where[actor] != _FRESH and self.system.tasks.values[where[actor]].flow != REST
            )
        numbers, frames = self.system.flows.numbers.values, self.system.frames.values
        return any(numbers[frames[f].flow][0].level == actor - len(self.names) + 1 for f in state.interrupts)

    def candidates(self, state: KernelState, task: int, where: Bindings, *, starts: bool = False) -> list[int]:
        """Return which tasks may go on as number `task`: each named task that is there, or one without a name.

        starts: whether it begins its entry: then it may be one that is as fresh as at the start.
        """
        tasks = self.system.tasks.values
        group = tasks[task].group
        fresh = starts and task in self._fresh
        place = _FRESH if fresh else task
        named = [k for k, at in enumerate(where) if at == place and (not fresh or self._groups[k] == group)]
        if fresh:
            present = sum(number for other, number in state.others if tasks[other].group == group)
            runs = tasks[state.current].group == group
            total = self.system.groups[group].size - present - runs
        else:
            total = dict(state.others).get(task, 0)
        return [*named, *([UNNAMED] if total > len(named) else [])]

    def moved(self, state: KernelState, where: Bindings, actor: int) -> Bindings:
        """Return where the named tasks are after `actor` has been switched to."""
        after = list(where)
        if RUNS in after:
            left = self.system.preempted(state.current)
            assert left is not None
            after[after.index(RUNS)] = left
        if actor != UNNAMED:
            after[actor] = RUNS
        return tuple(after)

    def finished(self, state: KernelState, where: Bindings, actor: int) -> Bindings:
        """Return where the named tasks are after `actor` has returned."""
        if actor >= len(self.names):
            return where
        rests = self.system.after_event(state).current
        return (*where[:actor], _FRESH if rests in self._fresh else rests, *where[actor + 1 :])
