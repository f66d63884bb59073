"""Read along while the kernel runs, and know how many of the claimed steps have happened in order.

A claim tells tasks apart that the search counts as one another. So the follower remembers where each named task is:
it runs, it waits as one of the tasks of some number, or it rests as fresh as at the start. Where one of several
equal tasks goes on, it is any of them, and each choice is followed.

Calls and returns happen between two events. They are noted with the event before them, but may as well have happened
later, after others have run: until its next event they may be what the claim says of the context that runs.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ctxrace.core.system import Step
from ctxrace.explore.product import Mark
from ctxrace.kernel.claim.atoms import Atoms
from ctxrace.kernel.claim.conditions import Conditions
from ctxrace.kernel.claim.forms import Act, Condition
from ctxrace.kernel.claim.interrupts import Unseen
from ctxrace.kernel.claim.resolve import Resolved
from ctxrace.kernel.context import INTERRUPT_NAMES
from ctxrace.kernel.position import CRASHED, REST, Arrive, Glance, Idle, Position, Resume, Start
from ctxrace.kernel.scenario import Handler
from ctxrace.kernel.system import KernelSystem

__all__ = ["RUNS", "ClaimFollower", "Memory"]

RUNS = -2
"""Where a task is that runs, or that interrupts run over."""
_FRESH = -1
_BEGINNINGS = ("start", "arrive")
_NOBODY = -1  # a task that the claim does not name


class Memory(NamedTuple):
    """What the follower remembers besides its progress.

    where: of each named task `RUNS`, `_FRESH`, or its number among the others.
    pending: of each context the calls and returns since its last event that have not been claimed.
    called: which functions each context has called in its attempt; avoiding: which it must not call any more.
    ran: the functions that anybody entered since the CPU was idle. begun: which contexts have begun an attempt.
    """

    where: tuple[int, ...]
    pending: tuple[tuple[int, ...], ...]
    called: int = 0
    avoiding: int = 0
    ran: int = 0
    begun: int = 0


class _Happening(NamedTuple):
    """One way to read a step.

    actor: the context that takes it, or goes on with it. sequence: what could be claimed, as (mask, context whose
    pending call it is or -1, index in that) in order; late: where in it what is private begins.
    """

    actor: int
    memory: Memory
    sequence: tuple[tuple[int, int, int], ...]
    late: int
    ended: bool
    entered: int
    silent: bool = False
    again: int = 0  # the claimed steps of which one must be this very step: its context begins another attempt


class ClaimFollower:
    """Follow the steps of `resolved`, which end with its outcome, in `system`."""

    def __init__(self, system: KernelSystem, resolved: Resolved) -> None:
        self.system, self.resolved = system, resolved
        self.steps = resolved.claim.steps
        self.goal = len(self.steps) + 1  # and everything that must not be called has not been
        self.atoms = Atoms(system, resolved)
        self.names = tuple(resolved.names)
        self.contexts = (*self.names, *INTERRUPT_NAMES)
        self.strict = [line.strict for line in self.steps] + [False]
        kinds = [line.says.kind if isinstance(line.says, Act) else "" for line in self.steps]
        turns = [kind in _BEGINNINGS for kind in kinds]
        self.periods = [sum(turns[:n]) for n in range(len(turns) + 1)]
        self.own = [self.atoms.own(name) for name in self.contexts]
        self.groups = self._groups()
        self._turns: dict[tuple[str, int, int], int] = {}
        # One bit for each context, and one for anybody, and each function that is not to be called.
        avoided = [line.says for line in self.steps if isinstance(line.says, Act) and line.says.kind == "avoid"]
        pairs = dict.fromkeys((act.who, resolved.functions[act.subject]) for act in avoided)
        self.pairs = {pair: 1 << bit for bit, pair in enumerate(pairs)}
        self.fresh = frozenset(system.fresh)
        self.conditions = Conditions(system, resolved, self.atoms)

    # What the product asks.

    def initial(self, state: Position) -> Mark:
        """Return the mark before the first step; conditions may already hold."""
        memory = Memory((_FRESH,) * len(self.names), ((),) * len(self.contexts))
        nothing = _Happening(_NOBODY, memory, (), 0, False, 0)
        return max(self._settle(0, nothing, state, None), key=lambda mark: mark.progress)

    def follow(self, state: Position, step: Step, mark: Mark) -> Iterator[tuple[int, Mark]]:
        """Return every way to read `step`: who takes it, and the mark after it."""
        memory = mark.memory
        assert isinstance(memory, Memory)
        for happening in self._read(state, step, memory):
            ready = self._remember(happening)
            if ready is None:
                continue
            marks = self._settle(mark.progress, happening._replace(memory=ready), step.state, step)
            if self.strict[min(mark.progress, len(self.steps))] and not happening.silent:
                marks = [after for after in marks if after.progress > mark.progress]
            if happening.again:  # a claim tells of one attempt of each context, unless it says that another one begins
                marks = [m for m in marks if happening.again & ((1 << m.progress) - (1 << mark.progress))]
            for after in marks:
                yield happening.actor, self._rested(happening, step, after)

    def period(self, progress: int) -> int:
        """Return how many claimed turns lie behind `progress`: each may have let a context begin again."""
        return self.periods[min(progress, len(self.steps))]

    def bound(self, progress: int) -> bool:
        """Return whether the next claimed step is strict."""
        return self.strict[min(progress, len(self.steps))]

    def actor_name(self, actor: int) -> str:
        """Return what the claim calls `actor`; empty where it has no name for it."""
        return self.contexts[actor] if actor >= 0 else ""

    # Who takes a step, and what it does.

    def _read(self, state: Position, step: Step, memory: Memory) -> Iterator[_Happening]:
        match step.label:
            case Arrive():
                yield self._arrive(state, step, memory)
            case Resume(task):
                for actor in self._candidates(state, task, memory, fresh=False):
                    where = self._moved(state, memory, actor)
                    turn = self._turn("switch", actor)
                    yield self._happening(actor, memory._replace(where=where), [turn], (), 0, goes_on=True)
            case Start(task):
                for actor in self._candidates(state, task, memory, fresh=task in self.fresh):
                    where = self._moved(state, memory, actor)
                    group = self.system.tasks.values[task].group
                    move = self.system.first_move(task, self.system.role_of_task(group))
                    yield self._begin(actor, memory._replace(where=where), move.outcome.notes, ("switch", "start"))
            case Unseen(_, enters):
                entered = sum(bit for name, bit in self.atoms.functions.items() if name in enters)
                runner = self.running(state, memory)
                pending = tuple(self._pending(memory, runner)) if runner != _NOBODY else ()
                yield _Happening(_NOBODY, memory, pending, 0, True, entered)
            case Glance():
                yield _Happening(_NOBODY, memory, (), 0, False, 0)
            case Idle():
                where = self._moved(state, memory, _NOBODY)
                yield _Happening(_NOBODY, memory._replace(where=where), (), 0, False, 0)
            case _:
                yield self._event(state, step, memory)

    def _event(self, state: Position, step: Step, memory: Memory) -> _Happening:
        inside = self.atoms.event(state)
        actor = self.running(state, memory)
        silent = step.events == 0
        if actor == _NOBODY:
            return _Happening(actor, memory, (), 0, inside.ended, inside.entered, silent)
        mine = self.own[actor]
        touches = [mask & mine for mask in inside.touches]
        if not silent:  # nothing but the return: what is pending stays so until then
            memory = self._with_pending(memory, actor, inside.calls)
        sequence = [(mask, -1, 0) for mask in touches if mask]
        late = len(sequence)
        sequence += self._pending(memory, actor)
        if inside.ended:
            kind = "finish" if actor < len(self.names) else "leave"
            sequence.append((self._turn(kind, actor), -1, 0))
            memory = self._finished(state, memory, actor)
            runner = self.running(step.state, memory)
            if runner != _NOBODY and runner != actor:
                sequence += self._pending(memory, runner)
        return _Happening(actor, memory, tuple(sequence), late, inside.ended, inside.entered, silent)

    def _finished(self, state: Position, memory: Memory, actor: int) -> Memory:
        """Return the memory after `actor` has returned, but for what it still has pending in this very step."""
        if actor >= len(self.names):
            return memory
        rests = self.system.after_event(state).current
        where = (*memory.where[:actor], _FRESH if rests in self.fresh else rests, *memory.where[actor + 1 :])
        return memory._replace(where=where)

    def _arrive(self, state: Position, step: Step, memory: Memory) -> _Happening:
        handler = self._handler(step)
        actor = self.contexts.index(str(handler.level))
        below = self.running(state, memory)
        top = state.interrupts[-1] if state.interrupts else REST
        moves = self.system.arrivals(state.current, top)
        move = next(move for label, _, _, move in moves if label == step.label)
        happening = self._begin(actor, memory, move.outcome.notes, ("arrive",), over=below)
        if move.flow != REST:
            return happening
        left = (self._turn("leave", actor), -1, 0)
        after = self._pending(happening.memory, below) if below != _NOBODY else []
        return happening._replace(sequence=(*happening.sequence, left, *after), ended=True)

    def _begin(
        self, actor: int, memory: Memory, notes: tuple[tuple[str, str], ...], kinds: Sequence[str], over: int = _NOBODY
    ) -> _Happening:
        calls, entered = self.atoms.notes(notes)
        if actor != _NOBODY:
            forgotten = sum(bit for (who, _), bit in self.pairs.items() if who == self.contexts[actor])
            memory = memory._replace(called=memory.called & ~forgotten)
        turns = [self._turn(kind, actor, over) for kind in kinds]
        happening = self._happening(actor, memory, turns, calls, entered)
        if actor == _NOBODY or not self.own[actor]:
            return happening
        begun = memory.begun | 1 << actor
        again = 0
        if memory.begun >> actor & 1:
            again = turns[-1] or 1 << self.goal  # that it starts or arrives, not that it is switched to
        return happening._replace(memory=happening.memory._replace(begun=begun), again=again)

    def _happening(
        self,
        actor: int,
        memory: Memory,
        turns: Sequence[int],
        calls: tuple[int, ...],
        entered: int,
        goes_on: bool = False,
    ) -> _Happening:
        if actor == _NOBODY:
            return _Happening(actor, memory, (), 0, False, entered)
        if not goes_on:
            memory = self._with_pending(memory, actor, calls)
        sequence = [(mask, -1, 0) for mask in turns]
        return _Happening(
            actor, memory, (*sequence, *self._pending(memory, actor)), len(sequence), False, entered
        )

    def _with_pending(self, memory: Memory, actor: int, calls: tuple[int, ...]) -> Memory:
        mine = tuple(mask & self.own[actor] for mask in calls if mask & self.own[actor])
        if mine == memory.pending[actor]:
            return memory
        return memory._replace(pending=(*memory.pending[:actor], mine, *memory.pending[actor + 1 :]))

    def _pending(self, memory: Memory, actor: int) -> list[tuple[int, int, int]]:
        return [(mask, actor, k) for k, mask in enumerate(memory.pending[actor])]

    def _turn(self, kind: str, actor: int, over: int = _NOBODY) -> int:
        key = (kind, actor, over)
        if key not in self._turns:
            self._turns[key] = self.atoms.turns(kind, self.actor_name(actor), self.actor_name(over))
        return self._turns[key]

    def _handler(self, step: Step) -> Handler:
        return self.system.handlers[step.label.handler]  # type: ignore[attr-defined]

    def running(self, state: Position, memory: Memory) -> int:
        """Return the context that runs in `state`."""
        if state.interrupts:
            flow = self.system.frames.values[state.interrupts[-1]].flow
            role, _ = self.system.flows.numbers.values[flow]
            return len(self.names) + role.level - 1
        return memory.where.index(RUNS) if RUNS in memory.where else _NOBODY

    # Where the named tasks are.

    def _groups(self) -> list[int]:
        """Return the group of each named task."""
        sizes = [group.size for group in self.system.groups[:-1]]
        of = [number for number, size in enumerate(sizes) for _ in range(size)]
        return [of[self.resolved.names[name]] for name in self.names]

    def _candidates(self, state: Position, task: int, memory: Memory, *, fresh: bool) -> list[int]:
        """Return who the task may be that goes on as number `task`: each name that is there, or a nameless one."""
        tasks = self.system.tasks.values
        group = tasks[task].group
        place = _FRESH if fresh else task
        named = [
            k for k, where in enumerate(memory.where) if where == place and (not fresh or self.groups[k] == group)
        ]
        if fresh:
            present = sum(number for other, number in state.others if tasks[other].group == group)
            runs = tasks[state.current].group == group
            total = self.system.groups[group].size - present - runs
        else:
            total = dict(state.others).get(task, 0)
        return [*named, *([_NOBODY] if total > len(named) else [])]

    def _moved(self, state: Position, memory: Memory, actor: int) -> tuple[int, ...]:
        """Return where the named tasks are after `actor` has been switched to."""
        where = list(memory.where)
        if RUNS in where:
            left = self.system.preempted(state.current)
            assert left is not None
            where[where.index(RUNS)] = left
        if actor != _NOBODY:
            where[actor] = RUNS
        return tuple(where)

    # What is remembered, and what it matches.

    def _remember(self, happening: _Happening) -> Memory | None:
        """Return the memory with the calls of this step; None where one of them must not be."""
        memory, entered = happening.memory, happening.entered
        if entered and self.pairs:
            who = self.actor_name(happening.actor)
            did = sum(
                bit
                for (whose, function), bit in self.pairs.items()
                if whose in ("", who) and self.atoms.functions[function] & entered
            )
            if did & memory.avoiding:
                return None
            memory = memory._replace(called=memory.called | did)
        if entered:
            memory = memory._replace(ran=memory.ran | (entered & self._never))
        return memory

    @property
    def _never(self) -> int:
        terms = [t for line in self.steps if isinstance(line.says, Condition) for t in line.says.terms]
        names = [self.resolved.functions[term.subject] for term in terms if term.kind == "never"]
        return sum(self.atoms.functions[name] for name in dict.fromkeys(names))

    def _settle(self, progress: int, happening: _Happening, after: Position, step: Step | None) -> list[Mark]:
        """Return the marks after the step: as much matched as can be, and less where that may be better."""
        found: dict[Mark, None] = {}

        def walk(n: int, at: int, memory: Memory) -> None:
            if n >= len(self.steps):
                kept = memory.avoiding & ~self._anybody
                found[Mark(len(self.steps) + (not kept), memory)] = None
                return
            says = self.steps[n].says
            if isinstance(says, Condition):
                if self._holds(says, after, step, memory.ran):
                    idle = any(term.kind == "idle" for term in says.terms)
                    walk(n + 1, len(sequence) if idle else max(at, happening.late), memory)
                    if not self.strict[n + 1]:
                        return
                found[Mark(n, memory)] = None
                return
            if says.kind == "avoid":
                found[Mark(n, memory)] = None
                begun = self._avoids(says, after, memory, happening)
                if begun is not None:
                    walk(n + 1, at, begun)
                return
            for index in range(at, len(sequence)):
                mask, owner, k = sequence[index]
                if mask >> n & 1:
                    walk(n + 1, index + 1, self._claimed(memory, owner, k, sequence[index + 1 :]))
                    if not self.strict[n + 1] and says.kind not in _BEGINNINGS:
                        return
                    break
            found[Mark(n, memory)] = None

        sequence = happening.sequence
        walk(progress, 0, happening.memory)
        return list(found)

    @property
    def _anybody(self) -> int:
        return sum(bit for (who, _), bit in self.pairs.items() if not who)

    def _claimed(self, memory: Memory, owner: int, index: int, rest: Sequence[tuple[int, int, int]]) -> Memory:
        """Return the memory after the pending call `index` of `owner` has been claimed: those before it are over."""
        if owner < 0:
            return memory
        left = tuple(mask for mask, whose, k in rest if whose == owner and k > index)
        return memory._replace(pending=(*memory.pending[:owner], left, *memory.pending[owner + 1 :]))

    def _avoids(self, act: Act, after: Position, memory: Memory, happening: _Happening) -> Memory | None:
        """Return the memory where from here on `act` forbids a call; None where it has been made already."""
        bit = self.pairs[act.who, self.resolved.functions[act.subject]]
        if not act.who:
            return memory._replace(avoiding=memory.avoiding | bit)
        if memory.called & bit:
            return None
        actor = self.contexts.index(act.who)
        if self._in_flight(after, memory, actor):
            return memory._replace(avoiding=memory.avoiding | bit)
        return memory if happening.ended and happening.actor == actor else None

    def _in_flight(self, state: Position, memory: Memory, actor: int) -> bool:
        if actor < len(self.names):
            where = memory.where[actor]
            return where == RUNS or (where != _FRESH and self.system.tasks.values[where].flow != REST)
        numbers, frames = self.system.flows.numbers.values, self.system.frames.values
        return any(numbers[frames[f].flow][0].level == actor - len(self.names) + 1 for f in state.interrupts)

    def _rested(self, happening: _Happening, step: Step, mark: Mark) -> Mark:
        """Return the mark after whoever has returned is gone: nothing of it is pending, what it avoided is past."""
        memory = mark.memory
        assert isinstance(memory, Memory)
        if not happening.ended:
            return mark
        actor = happening.actor
        if actor != _NOBODY:
            kept = memory.avoiding & ~sum(bit for (who, _), bit in self.pairs.items() if who == self.contexts[actor])
            pending = (*memory.pending[:actor], (), *memory.pending[actor + 1 :])
            memory = memory._replace(avoiding=kept, pending=pending)
        if memory.ran and step.state.shared != CRASHED and self.system.is_idle(step.state):
            memory = memory._replace(ran=0)
        progress = mark.progress
        if progress == len(self.steps) and not memory.avoiding & ~self._anybody:
            progress += 1
        return Mark(progress, memory)

    def _holds(self, condition: Condition, state: Position, step: Step | None, ran: int) -> bool:
        if step is None and self.resolved.claim.outcome is not None and condition is self.steps[-1].says:
            return False  # an outcome comes of something
        return all(self.conditions.holds(term, state, step, ran) for term in condition.terms)
