"""The observer of a claim: how many of the claimed steps have happened, in order.

A claim tells tasks apart that symmetry reduction identifies. So the observer remembers where each named task is. Where
one of several equal tasks goes on, it may be any of them, and the observer follows each choice.
"""

from collections.abc import Iterator, Sequence

from ctxrace.claims.observer.breaches import Breaches
from ctxrace.claims.observer.conditions import Conditions
from ctxrace.claims.observer.step_masks import StepMasks
from ctxrace.claims.observer.step_readings import Claimable, Remembered, StepReading, StepReadings
from ctxrace.claims.observer.task_bindings import UNNAMED, Below, TaskBindings
from ctxrace.claims.resolve import Resolved
from ctxrace.claims.syntax import Act, Condition
from ctxrace.core.system import Step
from ctxrace.explore.product import ObserverState
from ctxrace.kernel.model.state import CRASHED, KernelState
from ctxrace.kernel.model.system import KernelSystem

__all__ = ["ClaimObserver"]

_BEGINNINGS = ("start", "arrive")


class ClaimObserver:
    """Observe the steps of `resolved`, which end with its outcome, in `system`."""

    def __init__(self, system: KernelSystem, resolved: Resolved) -> None:
        self.system, self.resolved = system, resolved
        self.steps = resolved.claim.steps
        self.goal = len(self.steps) + 1  # and everything that must not be called has not been
        self.step_masks = StepMasks(system, resolved)
        self.breaches = Breaches(system, resolved)
        self.conditions = Conditions(system, resolved, self.step_masks, self.breaches)
        self.bindings = TaskBindings(system, resolved)
        self.readings = StepReadings(system, resolved, self.step_masks, self.bindings)
        self.names, self.contexts = self.bindings.names, self.bindings.contexts
        self.strict = [line.strict for line in self.steps] + [False]
        kinds = [line.says.kind if isinstance(line.says, Act) else "" for line in self.steps]
        turns = [kind in _BEGINNINGS for kind in kinds]
        self.periods = [sum(turns[:n]) for n in range(len(turns) + 1)]
        # One bit for each pair of a context, or any context, and a function that it must not call.
        avoided = [line.says for line in self.steps if isinstance(line.says, Act) and line.says.kind == "avoid"]
        pairs = dict.fromkeys((act.who, resolved.functions[act.subject]) for act in avoided)
        self.pairs = {pair: 1 << bit for bit, pair in enumerate(pairs)}
        self._of_any_context = sum(bit for (who, _), bit in self.pairs.items() if not who)
        terms = [term for line in self.steps if isinstance(line.says, Condition) for term in line.says.terms]
        never = dict.fromkeys(resolved.functions[term.subject] for term in terms if term.kind == "never")
        self._never = sum(self.step_masks.functions[name] for name in never)

    # What the product asks.

    def initial(self, state: KernelState) -> ObserverState:
        """Return the observer's state before the first step; conditions may already hold."""
        nothing = self.readings.before_the_first()
        return max(self._settle(0, nothing, state, None), key=lambda observed: observed.progress)

    def observe(
        self, state: KernelState, step: Step, observed: ObserverState, *, strictly: bool = True
    ) -> Iterator[tuple[int, ObserverState]]:
        """Return every way to read `step`: the context that takes it, and the observer's state after it.

        strictly: whether a strict step must come right after the one before.
        """
        memory = observed.memory
        assert isinstance(memory, Remembered)
        for reading in self.readings.of(state, step, memory):
            ready = self._remember(reading, step)
            if ready is None:
                continue
            found_states = self._settle(observed.progress, reading._replace(memory=ready), step.state, step)
            if strictly and self.bound(observed.progress) and not reading.silent:
                found_states = [after for after in found_states if after.progress > observed.progress]
            if reading.again:  # a claim tells of one attempt of each context, unless it says that another one begins
                before = 1 << observed.progress
                found_states = [m for m in found_states if reading.again & ((1 << m.progress) - before)]
            for progress, known in found_states:
                assert isinstance(known, Remembered)
                for after in self.breaches.ways(step.state, known):
                    yield reading.actor, self._rested(reading, step, ObserverState(progress, after))

    def period(self, progress: int) -> int:
        """Return how many claimed turns lie behind `progress`: each may have let a context begin again."""
        return self.periods[min(progress, len(self.steps))]

    def bound(self, progress: int) -> bool:
        """Return whether the next claimed step is strict."""
        return self.strict[min(progress, len(self.steps))]

    def actor_name(self, actor: int) -> str:
        """Return what the claim calls `actor`; empty where it has no name for it."""
        return self.bindings.name(actor)

    def enter_nested(self, state: KernelState, observed: ObserverState) -> ObserverState | None:
        """Return its state for a nested run that cuts in on `state`; None where it must see all of that meanwhile."""
        memory = observed.memory
        assert isinstance(memory, Remembered)
        if self.system.is_idle(state):
            return None  # as it is after the run: what a claim says of an idle CPU is about all tasks
        levels = memory.below.levels | self.bindings.levels(state)
        below = Below(levels, self.breaches.active(state, memory.below))
        where = self.bindings.standing_still(memory.where)
        return observed._replace(memory=memory._replace(where=where, below=below))

    def leave_nested(self, began: ObserverState, ended: ObserverState) -> ObserverState:
        """Return its state after a nested run that has left it in `ended`; began: its state right before the run."""
        outside, inside = began.memory, ended.memory
        assert isinstance(outside, Remembered)
        assert isinstance(inside, Remembered)
        return ended._replace(memory=inside._replace(where=outside.where, below=outside.below))

    # What is remembered.

    def _remember(self, reading: StepReading, step: Step) -> Remembered | None:
        """Return the memory with the calls of this step, and what it breaks; None where one of them must not be."""
        memory, entered = reading.memory, reading.entered
        if broken := self.breaches.by(step, memory.below):
            memory = memory._replace(broken=memory.broken | broken)
        if reading.begins:
            memory = memory._replace(called=memory.called & ~self._own(reading.actor))
        if entered and self.pairs:
            who = self.actor_name(reading.actor)
            did = sum(
                bit
                for (whose, function), bit in self.pairs.items()
                if whose in ("", who) and self.step_masks.functions[function] & entered
            )
            if did & memory.avoiding:
                return None
            memory = memory._replace(called=memory.called | did)
        if entered:
            memory = memory._replace(ran=memory.ran | (entered & self._never))
        return memory

    def _own(self, actor: int) -> int:
        """Return the bits of the calls that are forbidden to `actor` alone."""
        if actor == UNNAMED:
            return 0
        return sum(bit for (who, _), bit in self.pairs.items() if who == self.contexts[actor])

    def _rested(self, reading: StepReading, step: Step, observed: ObserverState) -> ObserverState:
        """Return the state without the pending calls and the forbidden calls of a context that has returned."""
        memory = observed.memory
        assert isinstance(memory, Remembered)
        if not reading.ended:
            return observed
        actor = reading.actor
        if actor != UNNAMED:
            kept = memory.avoiding & ~self._own(actor)
            pending = (*memory.pending[:actor], (), *memory.pending[actor + 1 :])
            memory = memory._replace(avoiding=kept, pending=pending)
        if memory.ran and step.state.shared != CRASHED and self.system.is_idle(step.state):
            memory = memory._replace(ran=0)
        progress = observed.progress
        if progress == len(self.steps) and not memory.avoiding & ~self._of_any_context:
            progress += 1
        return ObserverState(progress, memory)

    # Which claimed steps a step is.

    def _settle(
        self, progress: int, reading: StepReading, after: KernelState, step: Step | None
    ) -> list[ObserverState]:
        """Return the states after the step: with as many claimed steps as possible, or fewer where that is better."""
        found: dict[ObserverState, None] = {}

        def walk(n: int, at: int, memory: Remembered, sequence: Sequence[Claimable]) -> None:
            if n >= len(self.steps):
                kept = memory.avoiding & ~self._of_any_context
                found[ObserverState(len(self.steps) + (not kept), memory)] = None
                return
            says = self.steps[n].says
            if isinstance(says, Condition):
                for known in self.breaches.ways(after, memory):
                    if self._holds(says, after, step, known):
                        then = len(sequence) if self._when_idle(says, step) else max(at, reading.late)
                        walk(n + 1, then, known, _still_to_come(sequence, memory, known))
                        if known.pending == memory.pending and not self.strict[n + 1]:
                            return
                found[ObserverState(n, memory)] = None
                return
            if says.kind == "avoid":
                found[ObserverState(n, memory)] = None
                begun = self._avoids(says, after, memory, reading)
                if begun is not None:
                    # A call in this very step has been before, and with it what the step has accessed.
                    called = not says.who and self.step_masks.functions[self.resolved.functions[says.subject]]
                    walk(n + 1, max(at, reading.late) if called & reading.entered else at, begun, sequence)
                return
            for index in range(at, len(sequence)):
                mask, owner, k = sequence[index]
                if mask >> n & 1:
                    walk(n + 1, index + 1, self._claimed(memory, owner, k, sequence[index + 1 :]), sequence)
                    if not self.strict[n + 1] and says.kind not in _BEGINNINGS:
                        return
                    break
            found[ObserverState(n, memory)] = None

        walk(progress, 0, reading.memory, reading.sequence)
        return list(found)

    def _claimed(self, memory: Remembered, owner: int | None, index: int, rest: Sequence[Claimable]) -> Remembered:
        """Return the memory after the pending call `index` of `owner` has been claimed: those before it are over."""
        if owner is None:
            return memory
        left = tuple(mask for mask, whose, k in rest if whose == owner and k > index)
        return memory._replace(pending=(*memory.pending[:owner], left, *memory.pending[owner + 1 :]))

    def _avoids(self, act: Act, after: KernelState, memory: Remembered, reading: StepReading) -> Remembered | None:
        """Return the memory where from here on `act` forbids a call; None where it has been made already."""
        bit = self.pairs[act.who, self.resolved.functions[act.subject]]
        if not act.who:
            return memory._replace(avoiding=memory.avoiding | bit)
        if memory.called & bit:
            return None
        actor = self.contexts.index(act.who)
        if self.bindings.in_flight(after, memory.where, actor, memory.below):
            return memory._replace(avoiding=memory.avoiding | bit)
        return memory if reading.ended and reading.actor == actor else None

    def _when_idle(self, condition: Condition, step: Step | None) -> bool:
        """Return whether `condition` is true after `step` only because the CPU is idle then, all of it being past."""
        if any(term.kind == "idle" for term in condition.terms):
            return True
        named = [self.resolved.properties[term.subject] for term in condition.terms if term.kind == "violates"]
        return step is not None and any(self.breaches.when_idle(step) & self.breaches.bits[prop] for prop in named)

    def _holds(self, condition: Condition, state: KernelState, step: Step | None, memory: Remembered) -> bool:
        if step is None and self.resolved.claim.outcome is not None and condition is self.steps[-1].says:
            return False  # an outcome comes of something
        return all(self.conditions.holds(term, state, step, memory) for term in condition.terms)


def _still_to_come(sequence: Sequence[Claimable], before: Remembered, after: Remembered) -> Sequence[Claimable]:
    """Return `sequence` without the pending calls that are taken to have been between `before` and `after`."""
    if before.pending == after.pending:
        return sequence
    kept = list(sequence)
    for owner, (had, has) in enumerate(zip(before.pending, after.pending, strict=True)):
        mine = [at for at, one in enumerate(kept) if one[1] == owner]
        for at in mine[len(mine) - len(had) : len(mine) - len(has)]:
            kept[at] = (0, *kept[at][1:])
    return kept
