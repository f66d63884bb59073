"""The readings of a step of the kernel: the context that takes it, and what of it a claim could mean, in order.

Calls and returns happen between two events. The machine notes them with the event before them, but they may as well
have happened later, after other contexts have run. So until the context's next event they stay pending.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ctxrace.claims.observer.step_masks import StepMasks
from ctxrace.claims.observer.task_bindings import NOTHING_BELOW, UNNAMED, Below, Bindings, TaskBindings
from ctxrace.claims.observer.whole_interrupts import WholeInterrupt
from ctxrace.claims.resolve import Resolved
from ctxrace.core.system import Step
from ctxrace.kernel.model.state import REST, Arrive, Idle, KernelState, Resume, Start, SwitchThereAndBack
from ctxrace.kernel.model.system import KernelSystem
from ctxrace.kernel.scenario import Handler

__all__ = ["Remembered", "StepReading", "StepReadings"]

Claimable = tuple[int, int | None, int]
"""A mask of claimed steps; for a pending call also its context, and its index among the context's pending calls."""


class Remembered(NamedTuple):
    """What the observer remembers besides its progress.

    where: the named tasks.
    pending: of each context the calls and returns since its last event that have not been claimed.
    called: which functions each context has called in its attempt; avoiding: which it must not call any more.
    ran: the functions that any context entered since the CPU was idle. begun: which contexts have begun an attempt.
    broken: the properties that have been broken, as bits of `Breaches`.
    below: what a nested run has cut in on, where that is explored alone.
    """

    where: Bindings
    pending: tuple[tuple[int, ...], ...]
    called: int = 0
    avoiding: int = 0
    ran: int = 0
    begun: int = 0
    broken: int = 0
    below: Below = NOTHING_BELOW


class StepReading(NamedTuple):
    """One way to read a step.

    actor: the context that takes it, or goes on with it. sequence: what could be claimed; late: where in it what is
    private begins. ended: whether its context has returned; begins: whether it begins an attempt.
    """

    actor: int
    memory: Remembered
    sequence: tuple[Claimable, ...] = ()
    late: int = 0
    ended: bool = False
    entered: int = 0
    silent: bool = False
    begins: bool = False
    again: int = 0  # the claimed steps of which one must be this very step: its context begins another attempt


class StepReadings:
    """Read the steps of `system` for the claim `resolved`."""

    def __init__(self, system: KernelSystem, resolved: Resolved, step_masks: StepMasks, bindings: TaskBindings) -> None:
        self.system, self.step_masks, self.bindings = system, step_masks, bindings
        self._own = [step_masks.own(name) for name in bindings.contexts]
        self._no_step = 1 << len(resolved.claim.steps) + 1
        self._turns: dict[tuple[str, int, int], int] = {}

    def before_the_first(self) -> StepReading:
        """Return that nothing has happened yet."""
        pending: tuple[tuple[int, ...], ...] = ((),) * len(self.bindings.contexts)
        return StepReading(UNNAMED, Remembered(self.bindings.at_first, pending))

    def of(self, state: KernelState, step: Step, memory: Remembered) -> Iterator[StepReading]:
        """Return every way to read `step` in `state`."""
        where, places = memory.where, self.bindings
        match step.label:
            case Arrive():
                yield self._arrive(state, step, memory)
            case Resume(task):
                for actor in places.candidates(state, task, where):
                    there = memory._replace(where=places.moved(state, where, actor))
                    yield self._goes_on(actor, there, [self._turn("switch", actor)])
            case Start(task, way):
                for actor in places.candidates(state, task, where, starts=True):
                    there = memory._replace(where=places.moved(state, where, actor))
                    group = self.system.tasks.values[task].group
                    move = self.system.first_move(task, self.system.contexts.roles_of_task(group)[way])
                    yield self._begin(actor, there, move.outcome.notes, ("switch", "start"))
            case WholeInterrupt(_, enters):
                entered = sum(bit for name, bit in self.step_masks.functions.items() if name in enters)
                pending = self._pending(memory, places.running(state, where))
                yield StepReading(UNNAMED, memory, tuple(pending), ended=True, entered=entered)
            case SwitchThereAndBack():
                yield StepReading(UNNAMED, memory)
            case Idle():
                yield StepReading(UNNAMED, memory._replace(where=places.moved(state, where, UNNAMED)))
            case _:
                yield self._event(state, step, memory)

    def _event(self, state: KernelState, step: Step, memory: Remembered) -> StepReading:
        inside = self.step_masks.event(state)
        actor = self.bindings.running(state, memory.where, memory.below)
        silent = step.events == 0
        if actor == UNNAMED:
            return StepReading(actor, memory, (), 0, inside.ended, inside.entered, silent)
        mine = self._own[actor]
        touches = [mask & mine for mask in inside.touches]
        if not silent:  # nothing but the return: what is pending stays so until then
            memory = self._with_pending(memory, actor, inside.calls)
        sequence: list[Claimable] = [(mask, None, 0) for mask in touches if mask]
        late = len(sequence)
        sequence += self._pending(memory, actor)
        if inside.ended:
            kind = "finish" if actor < len(self.bindings.names) else "leave"
            sequence.append((self._turn(kind, actor), None, 0))
            memory = memory._replace(where=self.bindings.finished(state, memory.where, actor))
            runner = self.bindings.running(step.state, memory.where, memory.below)
            if runner != actor:
                sequence += self._pending(memory, runner)
        return StepReading(actor, memory, tuple(sequence), late, inside.ended, inside.entered, silent)

    def _arrive(self, state: KernelState, step: Step, memory: Remembered) -> StepReading:
        handler = self._handler(step)
        actor = self.bindings.contexts.index(str(handler.level))
        below = self.bindings.running(state, memory.where, memory.below)
        arrivals = self.system.arrivals(state.current, state.top)
        move = next(each.move for each in arrivals if each.label == step.label)
        reading = self._begin(actor, memory, move.outcome.notes, ("arrive",), over=below)
        if move.flow != REST:
            return reading
        left = (self._turn("leave", actor), None, 0)
        after = self._pending(reading.memory, below)
        return reading._replace(sequence=(*reading.sequence, left, *after), ended=True)

    def _begin(
        self,
        actor: int,
        memory: Remembered,
        notes: tuple[tuple[str, str], ...],
        kinds: Sequence[str],
        over: int = UNNAMED,
    ) -> StepReading:
        calls, entered = self.step_masks.notes(notes)
        if actor == UNNAMED:
            return StepReading(actor, memory, entered=entered, begins=True)
        turns = [self._turn(kind, actor, over) for kind in kinds]
        reading = self._goes_on(actor, self._with_pending(memory, actor, calls), turns)
        reading = reading._replace(entered=entered, begins=True)
        if not self._own[actor]:
            return reading
        again = 0
        if memory.begun >> actor & 1:
            again = turns[-1] or self._no_step  # that it starts or arrives, not that it is switched to
        begun = reading.memory._replace(begun=memory.begun | 1 << actor)
        return reading._replace(memory=begun, again=again)

    def _goes_on(self, actor: int, memory: Remembered, turns: Sequence[int]) -> StepReading:
        """Return that `actor` runs from here on, and may now do what is pending."""
        if actor == UNNAMED:
            return StepReading(actor, memory)
        sequence: list[Claimable] = [(mask, None, 0) for mask in turns]
        return StepReading(actor, memory, (*sequence, *self._pending(memory, actor)), len(sequence))

    def _with_pending(self, memory: Remembered, actor: int, calls: tuple[int, ...]) -> Remembered:
        mine = tuple(mask & self._own[actor] for mask in calls if mask & self._own[actor])
        if mine == memory.pending[actor]:
            return memory
        return memory._replace(pending=(*memory.pending[:actor], mine, *memory.pending[actor + 1 :]))

    def _pending(self, memory: Remembered, actor: int) -> list[Claimable]:
        if actor == UNNAMED:
            return []
        return [(mask, actor, k) for k, mask in enumerate(memory.pending[actor])]

    def _turn(self, kind: str, actor: int, over: int = UNNAMED) -> int:
        key = (kind, actor, over)
        if key not in self._turns:
            names = self.bindings
            self._turns[key] = self.step_masks.turns(kind, names.name(actor), names.name(over))
        return self._turns[key]

    def _handler(self, step: Step) -> Handler:
        return self.system.handlers[step.label.handler]  # type: ignore[attr-defined]
