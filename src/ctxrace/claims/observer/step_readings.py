"""What a step of the kernel is in the eyes of a claim: who takes it, and what of it could be claimed, in order.

Calls and returns happen between two events. They are noted with the event before them, but may as well have happened
later, after others have run: until its next event they may be what the claim says of the context that runs.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ctxrace.claims.observer.interrupts import Unseen
from ctxrace.claims.observer.step_masks import Atoms
from ctxrace.claims.observer.task_bindings import NOBODY, Where, Whereabouts
from ctxrace.claims.resolve import Resolved
from ctxrace.core.system import Step
from ctxrace.kernel.model.state import REST, Arrive, Idle, KernelState, Resume, Start, SwitchThereAndBack
from ctxrace.kernel.model.system import KernelSystem
from ctxrace.kernel.scenario import Handler

__all__ = ["Happening", "Happenings", "Memory"]

Claimable = tuple[int, int, int]
"""A mask of claimed steps, the context whose pending call it is or -1, and the index in that."""


class Memory(NamedTuple):
    """What the follower remembers besides its progress.

    where: the named tasks.
    pending: of each context the calls and returns since its last event that have not been claimed.
    called: which functions each context has called in its attempt; avoiding: which it must not call any more.
    ran: the functions that anybody entered since the CPU was idle. begun: which contexts have begun an attempt.
    broken: the properties that have been broken, as bits of `Breaches`.
    """

    where: Where
    pending: tuple[tuple[int, ...], ...]
    called: int = 0
    avoiding: int = 0
    ran: int = 0
    begun: int = 0
    broken: int = 0


class Happening(NamedTuple):
    """One way to read a step.

    actor: the context that takes it, or goes on with it. sequence: what could be claimed; late: where in it what is
    private begins. ended: whether its context has returned; begins: whether it begins an attempt.
    """

    actor: int
    memory: Memory
    sequence: tuple[Claimable, ...] = ()
    late: int = 0
    ended: bool = False
    entered: int = 0
    silent: bool = False
    begins: bool = False
    again: int = 0  # the claimed steps of which one must be this very step: its context begins another attempt


class Happenings:
    """Read the steps of `system` for the claim `resolved`."""

    def __init__(self, system: KernelSystem, resolved: Resolved, atoms: Atoms, whereabouts: Whereabouts) -> None:
        self.system, self.atoms, self.whereabouts = system, atoms, whereabouts
        self._own = [atoms.own(name) for name in whereabouts.contexts]
        self._no_step = 1 << len(resolved.claim.steps) + 1
        self._turns: dict[tuple[str, int, int], int] = {}

    def before_the_first(self) -> Happening:
        """Return that nothing has happened yet."""
        pending: tuple[tuple[int, ...], ...] = ((),) * len(self.whereabouts.contexts)
        return Happening(NOBODY, Memory(self.whereabouts.at_first, pending))

    def of(self, state: KernelState, step: Step, memory: Memory) -> Iterator[Happening]:
        """Return every way to read `step` in `state`."""
        where, places = memory.where, self.whereabouts
        match step.label:
            case Arrive():
                yield self._arrive(state, step, memory)
            case Resume(task):
                for actor in places.candidates(state, task, where):
                    there = memory._replace(where=places.moved(state, where, actor))
                    yield self._goes_on(actor, there, [self._turn("switch", actor)])
            case Start(task):
                for actor in places.candidates(state, task, where, starts=True):
                    there = memory._replace(where=places.moved(state, where, actor))
                    group = self.system.tasks.values[task].group
                    move = self.system.first_move(task, self.system.contexts.role_of_task(group))
                    yield self._begin(actor, there, move.outcome.notes, ("switch", "start"))
            case Unseen(_, enters):
                entered = sum(bit for name, bit in self.atoms.functions.items() if name in enters)
                pending = self._pending(memory, places.running(state, where))
                yield Happening(NOBODY, memory, tuple(pending), ended=True, entered=entered)
            case SwitchThereAndBack():
                yield Happening(NOBODY, memory)
            case Idle():
                yield Happening(NOBODY, memory._replace(where=places.moved(state, where, NOBODY)))
            case _:
                yield self._event(state, step, memory)

    def _event(self, state: KernelState, step: Step, memory: Memory) -> Happening:
        inside = self.atoms.event(state)
        actor = self.whereabouts.running(state, memory.where)
        silent = step.events == 0
        if actor == NOBODY:
            return Happening(actor, memory, (), 0, inside.ended, inside.entered, silent)
        mine = self._own[actor]
        touches = [mask & mine for mask in inside.touches]
        if not silent:  # nothing but the return: what is pending stays so until then
            memory = self._with_pending(memory, actor, inside.calls)
        sequence = [(mask, -1, 0) for mask in touches if mask]
        late = len(sequence)
        sequence += self._pending(memory, actor)
        if inside.ended:
            kind = "finish" if actor < len(self.whereabouts.names) else "leave"
            sequence.append((self._turn(kind, actor), -1, 0))
            memory = memory._replace(where=self.whereabouts.finished(state, memory.where, actor))
            runner = self.whereabouts.running(step.state, memory.where)
            if runner != actor:
                sequence += self._pending(memory, runner)
        return Happening(actor, memory, tuple(sequence), late, inside.ended, inside.entered, silent)

    def _arrive(self, state: KernelState, step: Step, memory: Memory) -> Happening:
        handler = self._handler(step)
        actor = self.whereabouts.contexts.index(str(handler.level))
        below = self.whereabouts.running(state, memory.where)
        moves = self.system.arrivals(state.current, state.top)
        move = next(move for label, _, _, move in moves if label == step.label)
        happening = self._begin(actor, memory, move.outcome.notes, ("arrive",), over=below)
        if move.flow != REST:
            return happening
        left = (self._turn("leave", actor), -1, 0)
        after = self._pending(happening.memory, below)
        return happening._replace(sequence=(*happening.sequence, left, *after), ended=True)

    def _begin(
        self, actor: int, memory: Memory, notes: tuple[tuple[str, str], ...], kinds: Sequence[str], over: int = NOBODY
    ) -> Happening:
        calls, entered = self.atoms.notes(notes)
        if actor == NOBODY:
            return Happening(actor, memory, entered=entered, begins=True)
        turns = [self._turn(kind, actor, over) for kind in kinds]
        happening = self._goes_on(actor, self._with_pending(memory, actor, calls), turns)
        happening = happening._replace(entered=entered, begins=True)
        if not self._own[actor]:
            return happening
        again = 0
        if memory.begun >> actor & 1:
            again = turns[-1] or self._no_step  # that it starts or arrives, not that it is switched to
        begun = happening.memory._replace(begun=memory.begun | 1 << actor)
        return happening._replace(memory=begun, again=again)

    def _goes_on(self, actor: int, memory: Memory, turns: Sequence[int]) -> Happening:
        """Return that `actor` runs from here on, and may now do what is pending."""
        if actor == NOBODY:
            return Happening(actor, memory)
        sequence = [(mask, -1, 0) for mask in turns]
        return Happening(actor, memory, (*sequence, *self._pending(memory, actor)), len(sequence))

    def _with_pending(self, memory: Memory, actor: int, calls: tuple[int, ...]) -> Memory:
        mine = tuple(mask & self._own[actor] for mask in calls if mask & self._own[actor])
        if mine == memory.pending[actor]:
            return memory
        return memory._replace(pending=(*memory.pending[:actor], mine, *memory.pending[actor + 1 :]))

    def _pending(self, memory: Memory, actor: int) -> list[Claimable]:
        if actor == NOBODY:
            return []
        return [(mask, actor, k) for k, mask in enumerate(memory.pending[actor])]

    def _turn(self, kind: str, actor: int, over: int = NOBODY) -> int:
        key = (kind, actor, over)
        if key not in self._turns:
            names = self.whereabouts
            self._turns[key] = self.atoms.turns(kind, names.name(actor), names.name(over))
        return self._turns[key]

    def _handler(self, step: Step) -> Handler:
        return self.system.handlers[step.label.handler]  # type: ignore[attr-defined]
