"""Interrupts that a claim does not name: each is one step, from arrival to return.

What a handler does over a task depends on memory, on the task's preempt count and on which task is current. It does not
depend on what the task is about to do, nor on other tasks. So all paths through a handler, with all interrupts over it,
are explored once for each such situation. A claim about tasks sees only what memory holds when the task goes on.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ctxrace.claims.resolve import Resolved
from ctxrace.claims.syntax import Act
from ctxrace.core.property import Property
from ctxrace.core.system import Step
from ctxrace.explore.search import ends
from ctxrace.kernel.model.state import REST, Arrive, KernelState
from ctxrace.kernel.model.system import KernelSystem
from ctxrace.kernel.rules.contexts import INTERRUPT_NAMES

__all__ = ["WholeInterrupt", "WholeInterrupts", "interrupts_may_be_whole"]

_DURING = ("violates", "hangs")  # the conditions that may become true in a handler, and stay so


def interrupts_may_be_whole(resolved: Resolved) -> bool:
    """Return whether the claim says nothing that could be true only while an interrupt runs."""
    for line in resolved.claim.steps:
        says = line.says
        if isinstance(says, Act):
            if says.who in INTERRUPT_NAMES or says.over:
                return False
        elif any(term.kind in _DURING for term in says.terms) or all(term.kind == "value" for term in says.terms):
            return False
    return not any(line.strict for line in resolved.claim.steps)


class WholeInterrupt(NamedTuple):
    """The label of an interrupt that is one step: the labels of its own steps, and the functions entered in it."""

    labels: tuple[object, ...]
    enters: frozenset[str]


class _End(NamedTuple):
    """How an interrupt can end: the state, reached by these labels, with the length of the way."""

    state: KernelState
    labels: tuple[object, ...]
    enters: frozenset[str]
    switches: int
    events: int


class WholeInterrupts:
    """`system`, in which an interrupt over a task, with all that arrives over it, is one step."""

    def __init__(self, system: KernelSystem) -> None:
        self.system = system
        self._known: dict[KernelState, tuple[_End, ...]] = {}

    @property
    def properties(self) -> Sequence[Property]:
        """Those of the system."""
        return self.system.properties

    def initial(self) -> KernelState:
        """Return the system's initial state."""
        return self.system.initial()

    def steps(self, state: KernelState) -> Iterator[Step]:
        """Return the system's steps, interrupts as one step for each way in which they can leave memory."""
        for step in self.system.steps(state):
            if not isinstance(step.label, Arrive):
                yield step
                continue
            began = step.state
            entered = self.entered(state, step)
            if not began.interrupts:
                yield step._replace(label=WholeInterrupt((step.label,), entered))
                continue
            for end in self._ends(began):
                after = self._back(began, end.state)
                label = WholeInterrupt((step.label, *end.labels), entered | end.enters)
                yield Step(label, after, step.switches + end.switches, step.events + end.events)

    def opened(self, state: KernelState, step: Step) -> Iterator[tuple[KernelState, Step]]:
        """Return the system's own steps in `step`, with the state before each."""
        if not isinstance(step.label, WholeInterrupt):
            yield state, step
            return
        for label in step.label.labels:
            taken = next(found for found in self.system.steps(state) if found.label == label)
            yield state, taken
            state = taken.state

    def _ends(self, began: KernelState) -> tuple[_End, ...]:
        task = self.system.tasks.values[began.current]
        # A task of which only its identity and its preempt count are left, and no other task.
        bare = self.system.tasks(task._replace(flow=REST, begun=False))
        start = KernelState(began.shared, 0, bare, (), began.interrupts, began.arrivals)
        known = self._known.get(start)
        if known is None:
            known = self._known[start] = tuple(self._explore(start))
        return known

    def _explore(self, start: KernelState) -> Iterator[_End]:
        for (state, enters), run in ends(_Handler(self, start)):
            if not state.interrupts:
                taken = [step for _, step in run]
                switches, events = sum(step.switches for step in taken), sum(step.events for step in taken)
                yield _End(state, tuple(step.label for step in taken), enters, switches, events)

    def entered(self, state: KernelState, step: Step) -> frozenset[str]:
        """Return the functions that `step` is noted to enter."""
        if isinstance(step.label, Arrive):
            arrivals = self.system.arrivals(state.current, state.top)
            outcome = next(each.move for each in arrivals if each.label == step.label).outcome
        else:
            outcome = self.system.after_event(state).move.outcome
        return frozenset(what for kind, what in outcome.notes if kind == "enters")

    def _back(self, began: KernelState, end: KernelState) -> KernelState:
        task = self.system.tasks.values[began.current]
        left = self.system.tasks.values[end.current]
        current = self.system.tasks(task._replace(task_struct=left.task_struct))
        return KernelState(end.shared, began.since_idle, current, began.others, (), end.arrivals)


class _Handler:
    """An interrupt from its beginning in `start` to its return, with the functions entered on the way."""

    properties: Sequence[Property] = ()

    def __init__(self, interrupts: WholeInterrupts, start: KernelState) -> None:
        self._interrupts, self._start = interrupts, start

    def initial(self) -> tuple[KernelState, frozenset[str]]:
        return self._start, frozenset()

    def steps(self, state: tuple[KernelState, frozenset[str]]) -> Iterator[Step]:
        at, enters = state
        for step in self._interrupts.system.steps(at) if at.interrupts else ():
            yield step._replace(state=(step.state, enters | self._interrupts.entered(at, step)))
