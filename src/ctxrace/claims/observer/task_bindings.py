"""Where the named tasks of a claim are, in a system whose symmetry reduction identifies equal tasks.

A named task runs, or waits as one of the tasks with a given number, or has not begun yet. Where one of several equal
tasks goes on, it may be any of them.
"""

from typing import NamedTuple

from ctxrace.claims.resolve import Resolved
from ctxrace.kernel.model.state import REST, KernelState
from ctxrace.kernel.model.system import KernelSystem
from ctxrace.kernel.rules.contexts import INTERRUPT_NAMES

__all__ = ["NOTHING_BELOW", "RUNS", "UNNAMED", "Below", "Bindings", "TaskBindings"]

RUNS = -2
"""Stands for a task that runs, or that interrupts run over."""
_FRESH = -1
_WAITS = -3
"""In the place of a task's number: it is in flight, and stands still as long as a nested run goes on."""
UNNAMED = -1
"""The actor that is a task which the claim does not name."""

Bindings = tuple[int, ...]
"""Of each named task `RUNS`, its number among the others, or that it is as fresh as at the start."""


class Below(NamedTuple):
    """What a nested run has cut in on, as far as its own states do not say it.

    levels: of the interrupts there, as bits. active: how often each body that `Breaches` asks for is active there.
    """

    levels: int = 0
    active: tuple[int, ...] = ()


NOTHING_BELOW = Below()
"""States are whole: they say what an interrupt has cut in on."""


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

    def running(self, state: KernelState, where: Bindings, below: Below = NOTHING_BELOW) -> int:
        """Return the context that runs in `state`."""
        if state.interrupts:
            return len(self.names) + self._level(state.interrupts[-1]) - 1
        if below.levels:
            return len(self.names) + below.levels.bit_length() - 2  # of a handler only higher levels cut in
        return where.index(RUNS) if RUNS in where else UNNAMED

    def levels(self, state: KernelState) -> int:
        """Return the levels of the interrupts in `state`, as bits."""
        return sum(1 << self._level(frame) for frame in state.interrupts)

    def _level(self, frame: int) -> int:
        role, _ = self.system.flows.numbers.values[self.system.frames.values[frame].flow]
        return role.level

    def in_flight(self, state: KernelState, where: Bindings, actor: int, below: Below = NOTHING_BELOW) -> bool:
        """Return whether `actor` is in an attempt."""
        if actor < len(self.names):
            return self._in_flight(where[actor])
        return bool((self.levels(state) | below.levels) >> actor - len(self.names) + 1 & 1)

    def standing_still(self, where: Bindings) -> Bindings:
        """Return all of `where` that a nested run can depend on, which no task moves in."""
        return tuple(at if at == RUNS else _WAITS if self._in_flight(at) else _FRESH for at in where)

    def _in_flight(self, at: int) -> bool:
        return at in (RUNS, _WAITS) or (at != _FRESH and self.system.tasks.values[at].flow != REST)

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
