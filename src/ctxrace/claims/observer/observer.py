"""Read along while the kernel runs, and know how many of the claimed steps have happened in order.

A claim tells tasks apart that the search counts as one another. So the follower remembers where each named task is,
and where one of several equal tasks goes on, it is any of them, and each choice is followed.
"""

from collections.abc import Iterator, Sequence

from ctxrace.claims.observer.breaches import Breaches
from ctxrace.claims.observer.conditions import Conditions
from ctxrace.claims.observer.step_masks import Atoms
from ctxrace.claims.observer.step_readings import Claimable, Happening, Happenings, Memory
from ctxrace.claims.observer.task_bindings import NOBODY, Whereabouts
from ctxrace.claims.resolve import Resolved
from ctxrace.claims.syntax import Act, Condition
from ctxrace.core.system import Step
from ctxrace.explore.product import Mark
from ctxrace.kernel.model.state import CRASHED, KernelState
from ctxrace.kernel.model.system import KernelSystem

__all__ = ["ClaimFollower"]

_BEGINNINGS = ("start", "arrive")


class ClaimFollower:
    """Follow the steps of `resolved`, which end with its outcome, in `system`."""

    def __init__(self, system: KernelSystem, resolved: Resolved) -> None:
        self.system, self.resolved = system, resolved
        self.steps = resolved.claim.steps
        self.goal = len(self.steps) + 1  # and everything that must not be called has not been
        self.atoms = Atoms(system, resolved)
        self.breaches = Breaches(system, resolved)
        self.conditions = Conditions(system, resolved, self.atoms, self.breaches)
        self.whereabouts = Whereabouts(system, resolved)
        self.happenings = Happenings(system, resolved, self.atoms, self.whereabouts)
        self.names, self.contexts = self.whereabouts.names, self.whereabouts.contexts
        self.strict = [line.strict for line in self.steps] + [False]
        kinds = [line.says.kind if isinstance(line.says, Act) else "" for line in self.steps]
        turns = [kind in _BEGINNINGS for kind in kinds]
        self.periods = [sum(turns[:n]) for n in range(len(turns) + 1)]
        # One bit for each context, and one for anybody, and each function that is not to be called.
        avoided = [line.says for line in self.steps if isinstance(line.says, Act) and line.says.kind == "avoid"]
        pairs = dict.fromkeys((act.who, resolved.functions[act.subject]) for act in avoided)
        self.pairs = {pair: 1 << bit for bit, pair in enumerate(pairs)}
        self._anybody = sum(bit for (who, _), bit in self.pairs.items() if not who)
        terms = [term for line in self.steps if isinstance(line.says, Condition) for term in line.says.terms]
        never = dict.fromkeys(resolved.functions[term.subject] for term in terms if term.kind == "never")
        self._never = sum(self.atoms.functions[name] for name in never)

    # What the product asks.

    def initial(self, state: KernelState) -> Mark:
        """Return the mark before the first step; conditions may already hold."""
        nothing = self.happenings.before_the_first()
        return max(self._settle(0, nothing, state, None), key=lambda mark: mark.progress)

    def follow(
        self, state: KernelState, step: Step, mark: Mark, *, strictly: bool = True
    ) -> Iterator[tuple[int, Mark]]:
        """Return every way to read `step`: who takes it, and the mark after it.

        strictly: whether a strict step must come right after the one before.
        """
        memory = mark.memory
        assert isinstance(memory, Memory)
        for happening in self.happenings.of(state, step, memory):
            ready = self._remember(happening, step)
            if ready is None:
                continue
            marks = self._settle(mark.progress, happening._replace(memory=ready), step.state, step)
            if strictly and self.bound(mark.progress) and not happening.silent:
                marks = [after for after in marks if after.progress > mark.progress]
            if happening.again:  # a claim tells of one attempt of each context, unless it says that another one begins
                marks = [m for m in marks if happening.again & ((1 << m.progress) - (1 << mark.progress))]
            for progress, known in marks:
                assert isinstance(known, Memory)
                for after in self.breaches.ways(step.state, known):
                    yield happening.actor, self._rested(happening, step, Mark(progress, after))

    def period(self, progress: int) -> int:
        """Return how many claimed turns lie behind `progress`: each may have let a context begin again."""
        return self.periods[min(progress, len(self.steps))]

    def bound(self, progress: int) -> bool:
        """Return whether the next claimed step is strict."""
        return self.strict[min(progress, len(self.steps))]

    def actor_name(self, actor: int) -> str:
        """Return what the claim calls `actor`; empty where it has no name for it."""
        return self.whereabouts.name(actor)

    # What is remembered.

    def _remember(self, happening: Happening, step: Step) -> Memory | None:
        """Return the memory with the calls of this step, and what it breaks; None where one of them must not be."""
        memory, entered = happening.memory, happening.entered
        if broken := self.breaches.by(step):
            memory = memory._replace(broken=memory.broken | broken)
        if happening.begins:
            memory = memory._replace(called=memory.called & ~self._own(happening.actor))
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

    def _own(self, actor: int) -> int:
        """Return what `actor` must not call, and nobody else."""
        if actor == NOBODY:
            return 0
        return sum(bit for (who, _), bit in self.pairs.items() if who == self.contexts[actor])

    def _rested(self, happening: Happening, step: Step, mark: Mark) -> Mark:
        """Return the mark after whoever has returned is gone: nothing of it is pending, what it avoided is past."""
        memory = mark.memory
        assert isinstance(memory, Memory)
        if not happening.ended:
            return mark
        actor = happening.actor
        if actor != NOBODY:
            kept = memory.avoiding & ~self._own(actor)
            pending = (*memory.pending[:actor], (), *memory.pending[actor + 1 :])
            memory = memory._replace(avoiding=kept, pending=pending)
        if memory.ran and step.state.shared != CRASHED and self.system.is_idle(step.state):
            memory = memory._replace(ran=0)
        progress = mark.progress
        if progress == len(self.steps) and not memory.avoiding & ~self._anybody:
            progress += 1
        return Mark(progress, memory)

    # Which claimed steps a step is.

    def _settle(self, progress: int, happening: Happening, after: KernelState, step: Step | None) -> list[Mark]:
        """Return the marks after the step: as much matched as can be, and less where that may be better."""
        found: dict[Mark, None] = {}

        def walk(n: int, at: int, memory: Memory, sequence: Sequence[Claimable]) -> None:
            if n >= len(self.steps):
                kept = memory.avoiding & ~self._anybody
                found[Mark(len(self.steps) + (not kept), memory)] = None
                return
            says = self.steps[n].says
            if isinstance(says, Condition):
                for known in self.breaches.ways(after, memory):
                    if self._holds(says, after, step, known):
                        then = len(sequence) if self._when_idle(says, step) else max(at, happening.late)
                        walk(n + 1, then, known, _still_to_come(sequence, memory, known))
                        if known.pending == memory.pending and not self.strict[n + 1]:
                            return
                found[Mark(n, memory)] = None
                return
            if says.kind == "avoid":
                found[Mark(n, memory)] = None
                begun = self._avoids(says, after, memory, happening)
                if begun is not None:
                    # A call in this very step has been before, and with it what the step has accessed.
                    called = not says.who and self.atoms.functions[self.resolved.functions[says.subject]]
                    walk(n + 1, max(at, happening.late) if called & happening.entered else at, begun, sequence)
                return
            for index in range(at, len(sequence)):
                mask, owner, k = sequence[index]
                if mask >> n & 1:
                    walk(n + 1, index + 1, self._claimed(memory, owner, k, sequence[index + 1 :]), sequence)
                    if not self.strict[n + 1] and says.kind not in _BEGINNINGS:
                        return
                    break
            found[Mark(n, memory)] = None

        walk(progress, 0, happening.memory, happening.sequence)
        return list(found)

    def _claimed(self, memory: Memory, owner: int, index: int, rest: Sequence[Claimable]) -> Memory:
        """Return the memory after the pending call `index` of `owner` has been claimed: those before it are over."""
        if owner < 0:
            return memory
        left = tuple(mask for mask, whose, k in rest if whose == owner and k > index)
        return memory._replace(pending=(*memory.pending[:owner], left, *memory.pending[owner + 1 :]))

    def _avoids(self, act: Act, after: KernelState, memory: Memory, happening: Happening) -> Memory | None:
        """Return the memory where from here on `act` forbids a call; None where it has been made already."""
        bit = self.pairs[act.who, self.resolved.functions[act.subject]]
        if not act.who:
            return memory._replace(avoiding=memory.avoiding | bit)
        if memory.called & bit:
            return None
        actor = self.contexts.index(act.who)
        if self.whereabouts.in_flight(after, memory.where, actor):
            return memory._replace(avoiding=memory.avoiding | bit)
        return memory if happening.ended and happening.actor == actor else None

    def _when_idle(self, condition: Condition, step: Step | None) -> bool:
        """Return whether `condition` is true after `step` only because the CPU is idle then, all of it being past."""
        if any(term.kind == "idle" for term in condition.terms):
            return True
        named = [self.resolved.properties[term.subject] for term in condition.terms if term.kind == "violates"]
        return step is not None and any(self.breaches.when_idle(step) & self.breaches.bits[prop] for prop in named)

    def _holds(self, condition: Condition, state: KernelState, step: Step | None, memory: Memory) -> bool:
        if step is None and self.resolved.claim.outcome is not None and condition is self.steps[-1].says:
            return False  # an outcome comes of something
        return all(self.conditions.holds(term, state, step, memory) for term in condition.terms)


def _still_to_come(sequence: Sequence[Claimable], before: Memory, after: Memory) -> Sequence[Claimable]:
    """Return `sequence` without the pending calls that are taken to have been between `before` and `after`."""
    if before.pending == after.pending:
        return sequence
    kept = list(sequence)
    for owner, (had, has) in enumerate(zip(before.pending, after.pending, strict=True)):
        mine = [at for at, one in enumerate(kept) if one[1] == owner]
        for at in mine[len(mine) - len(had) : len(mine) - len(has)]:
            kept[at] = (0, *kept[at][1:])
    return kept
