"""Two programs on one CPU as a `core.System`: each begins again and again, and may come over the other.

A step takes one program from an instruction that touches watched memory to the next such instruction. All that lies
between is its own and cannot be noticed, so that nobody needs to come between there.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ctxrace.bpf.programs.follow.values import Scalar
from ctxrace.bpf.programs.meet.invocation import Invocation, Invocations
from ctxrace.bpf.programs.meet.memory import NOBODY, Memory, without_names
from ctxrace.bpf.programs.meet.pair import Topic
from ctxrace.bpf.programs.meet.together import Effects, Watched
from ctxrace.core.property import Property
from ctxrace.core.system import Step

__all__ = ["IDLE", "Arrival", "Label", "PairState", "PairSystem", "Rules"]

IDLE = -1


class Arrival(NamedTuple):
    """How the other program may come over one of them.

    between: between any two instructions, as a task that preempts or an interrupt. asleep: only where this one sleeps.
    masked: the counter that keeps it away while it is not zero, `PREEMPT_OFF` or `IRQ_OFF`; None for an NMI.
    """

    between: bool = False
    asleep: bool = False
    counters: tuple[int, ...] = ()


class PairState(NamedTuple):
    """running: which program's instruction comes next, `IDLE` for none; both may be in flight."""

    running: int
    first: Invocation | None
    second: Invocation | None
    memory: Memory

    def of(self, side: int) -> Invocation | None:
        """Return the invocation of a program."""
        return self.second if side else self.first


class Label(NamedTuple):
    """What a step does. action: ``start``, ``step`` or ``switch``; way: which of several outcomes."""

    action: str
    side: int
    way: int = 0


@dataclass(frozen=True)
class Rules:
    """Which program may come over which. arrivals: by the one that runs; resumes: how the other goes on again."""

    arrivals: tuple[Arrival | None, Arrival | None]
    resumes: tuple[Arrival | None, Arrival | None]


class PairSystem:
    """The system of two programs, for one question.

    broken: the property of each program; unsure: that it may be one of them. wanted: what can be violated at all.
    """

    def __init__(
        self, invocations: Invocations, rules: Rules, broken: tuple[Property, Property], unsure: Property
    ) -> None:
        self.invocations, self.rules = invocations, rules
        self._broken, self._unsure = broken, unsure
        self.judged = broken, unsure
        self.properties: Sequence[Property] = tuple(dict.fromkeys((*broken, unsure)))
        exposed = (side for side in (0, 1) if rules.arrivals[side] or rules.resumes[side])
        self.wanted = frozenset(broken[side] for side in exposed) or frozenset(broken)

    @property
    def watched(self) -> Watched:
        """What is watched."""
        return self.invocations.watched

    def initial(self) -> PairState:
        """Return the state before anything has run."""
        return PairState(IDLE, None, None, Memory(tuple(cell.initial for cell in self.watched.cells)))

    def steps(self, state: PairState) -> Iterator[Step]:
        """Yield all that may happen next."""
        if state.running == IDLE:
            for side in (0, 1):
                yield from self._start(state, side, switches=0)
            return
        side = state.running
        mine, other = state.of(side), state.of(1 - side)
        assert mine is not None
        yield from self._run(state, side, mine)
        if mine.node not in self.invocations.exposed[side]:
            return
        if other is None:
            if self._allowed(self.rules.arrivals[side], side, mine):
                yield from self._start(state, 1 - side, switches=1)
        elif self._allowed(self.rules.resumes[side], side, mine):
            yield Step(Label("switch", 1 - side), state._replace(running=1 - side), 1, 0)

    def _allowed(self, arrival: Arrival | None, side: int, mine: Invocation) -> bool:
        if arrival is None:
            return False
        if arrival.asleep and self.watched.graphs[side].facts[mine.node].sleeps:
            return True
        counted = dict(mine.values)
        off = (counted.get(location) for location in arrival.counters)
        return arrival.between and not any(isinstance(value, Scalar) and value.low for value in off)

    def _start(self, state: PairState, side: int, switches: int) -> Iterator[Step]:
        for way, found in enumerate(self.invocations.starts(side)):
            if found is not None:
                first, second = (state.first, found) if side else (found, state.second)
                begun_now = PairState(side, first, second, state.memory)
                yield Step(Label("start", side, way), begun_now, switches, 0)

    def _run(self, state: PairState, side: int, mine: Invocation) -> Iterator[Step]:
        other = state.of(1 - side)
        outcomes = self.invocations.outcomes(side, mine, state.memory, other.pending if other else None)
        for way, found in enumerate(outcomes):
            if other is not None and found.other != other.pending:
                other_now: Invocation | None = other._replace(pending=found.other)
            else:
                other_now = other
            memory, running = found.memory, side
            if found.mine is None:
                memory = memory._replace(cells=without_names(memory.cells, side))
                running = IDLE if other_now is None else 1 - side
            if running == IDLE:
                memory = memory._replace(owner=NOBODY, doubt=False)
            pair = (other_now, found.mine) if side else (found.mine, other_now)
            after = PairState(running, *pair, memory)
            yield Step(Label("step", side, way), after, 0, 1, self._judged(found.effects, after, memory))

    def _judged(self, effects: Effects, after: PairState, memory: Memory) -> tuple[Property, ...]:
        question = self.watched.question
        if not (effects.broken or effects.unsure or (question.topic is Topic.GUARD and after.running == IDLE)):
            return ()
        broken = [self._broken[side] for side in sorted(effects.broken)]
        if effects.unsure:
            broken.append(self._unsure)
        if question.topic is Topic.GUARD and after.running == IDLE:
            for cell, value in zip(self.watched.cells, memory.cells, strict=True):
                if (cell.region, cell.low, cell.high) == (question.region, question.low, question.high):
                    certain = isinstance(value, Scalar) and value.low == value.high
                    if value != cell.initial:
                        broken.append(self._broken[0] if certain else self._unsure)
        return tuple(dict.fromkeys(broken))
