"""Two programs on one CPU as a `core.System`: each begins again and again, and may come over the other.

A step takes one program from an instruction that touches watched memory to the next such instruction. All that lies
between is its own and cannot be noticed, so that nobody needs to come between there.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ctxrace.bpf.programs.follow.alone import Graph
from ctxrace.bpf.programs.follow.choices import Choices, every
from ctxrace.bpf.programs.follow.execute import execute
from ctxrace.bpf.programs.follow.state import IRQ_OFF, PREEMPT_OFF, Env
from ctxrace.bpf.programs.follow.values import LOST, UNKNOWN, Lost, Pointer, Scalar, Value
from ctxrace.bpf.programs.meet.memory import NOBODY, Memory, Pending, without_names
from ctxrace.bpf.programs.meet.pair import Topic
from ctxrace.bpf.programs.meet.relevance import END, Slice
from ctxrace.bpf.programs.meet.together import Effects, Together, Watched
from ctxrace.core.property import Property
from ctxrace.core.system import Step

__all__ = ["IDLE", "Arrival", "Invocation", "Label", "PairState", "PairSystem"]

IDLE = -1
FEW = 16  # numbers that a loop counts through and are still told apart


class Arrival(NamedTuple):
    """How the other program may come over one of them.

    between: between any two instructions, as a task that preempts or an interrupt. asleep: only where this one sleeps.
    masked: the counter that keeps it away while it is not zero, `PREEMPT_OFF` or `IRQ_OFF`; None for an NMI.
    """

    between: bool = False
    asleep: bool = False
    counters: tuple[int, ...] = ()


class Invocation(NamedTuple):
    """One run of a program. node: what it executes next; begun: whether it has touched memory that both reach."""

    node: int
    values: tuple[tuple[int, Value], ...]
    slots: tuple[tuple[int, tuple[int, Value]], ...]
    begun: bool = False
    pending: Pending | None = None


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

    broken: the property of each program; unsure: that it may be one of them. everywhere: let the other come before
    every instruction of a slice. wanted: what can be violated at all.
    """

    def __init__(
        self,
        watched: Watched,
        slices: tuple[Slice, Slice],
        rules: Rules,
        broken: tuple[Property, Property],
        unsure: Property,
        *,
        everywhere: bool = False,
    ) -> None:
        self.watched, self.slices, self.rules = watched, slices, rules
        self._broken, self._unsure = broken, unsure
        self.judged = broken, unsure
        self.properties: Sequence[Property] = tuple(dict.fromkeys((*broken, unsure)))
        exposed = (side for side in (0, 1) if rules.arrivals[side] or rules.resumes[side])
        self.wanted = frozenset(broken[side] for side in exposed) or frozenset(broken)
        self.events = tuple(slices[side].relevant if everywhere else frozenset(self._events(side)) for side in (0, 1))
        self._starts: dict[int, list[Invocation | None]] = {}
        self._ways: dict[tuple[int, Invocation], list[Invocation | None]] = {}
        self._followed: dict[tuple[int, Invocation, Memory, Pending | None], list[_Outcome]] = {}

    def _events(self, side: int) -> Iterator[int]:
        """Yield the nodes before which the other may come: those that touch memory, sleep, or keep the other away."""
        for number in self.slices[side].relevant:
            facts = self.graph(side).facts[number]
            if facts.accesses or facts.sleeps or (facts.set_ & {PREEMPT_OFF, IRQ_OFF}):
                yield number

    def graph(self, side: int) -> Graph:
        """Return the graph of a program."""
        return self.watched.graphs[side]

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
        if other is None:
            if self._allowed(self.rules.arrivals[side], side, mine):
                yield from self._start(state, 1 - side, switches=1)
        elif self._allowed(self.rules.resumes[side], side, mine):
            yield Step(Label("switch", 1 - side), state._replace(running=1 - side), 1, 0)

    def _allowed(self, arrival: Arrival | None, side: int, mine: Invocation) -> bool:
        if arrival is None:
            return False
        if arrival.asleep and self.graph(side).facts[mine.node].sleeps:
            return True
        counted = dict(mine.values)
        off = (counted.get(location) for location in arrival.counters)
        return arrival.between and not any(isinstance(value, Scalar) and value.low for value in off)

    def _start(self, state: PairState, side: int, switches: int) -> Iterator[Step]:
        if side not in self._starts:
            graph = self.graph(side)
            first = self.slices[side].first.get(graph.entry, END)
            self._starts[side] = []
            if first != END:
                env = self._restricted(side, first, graph.envs[graph.entry])
                self._starts[side] = self._silent(side, Invocation(first, *env))
        for way, found in enumerate(self._starts[side]):
            if found is not None:
                begun_now = self._with(state._replace(running=side), side, found)
                yield Step(Label("start", side, way), begun_now, switches, 0)

    def _with(self, state: PairState, side: int, mine: Invocation | None) -> PairState:
        return state._replace(second=mine) if side else state._replace(first=mine)

    def _run(self, state: PairState, side: int, mine: Invocation) -> Iterator[Step]:
        other = state.of(1 - side)
        for way, found in enumerate(self.outcomes(side, mine, state.memory, other.pending if other else None)):
            if other is not None and found.other != other.pending:
                other_now: Invocation | None = other._replace(pending=found.other)
            else:
                other_now = other
            after = self._with(self._with(state, side, found.mine), 1 - side, other_now)
            memory = found.memory
            if found.mine is None:
                memory = memory._replace(cells=without_names(memory.cells, side))
                after = after._replace(running=IDLE if other_now is None else 1 - side)
            if after.running == IDLE:
                memory = memory._replace(owner=NOBODY, doubt=False)
            broken = self._judged(found.effects, after, memory)
            yield Step(Label("step", side, way), after._replace(memory=memory), 0, 1, broken)

    def _judged(self, effects: Effects, after: PairState, memory: Memory) -> tuple[Property, ...]:
        broken = [self._broken[side] for side in sorted(effects.broken)]
        if effects.unsure:
            broken.append(self._unsure)
        question = self.watched.question
        if question.topic is Topic.GUARD and after.running == IDLE:
            for cell, value in zip(self.watched.cells, memory.cells, strict=True):
                if (cell.region, cell.low, cell.high) == (question.region, question.low, question.high):
                    certain = isinstance(value, Scalar) and value.low == value.high
                    if value != cell.initial:
                        broken.append(self._broken[0] if certain else self._unsure)
        return tuple(dict.fromkeys(broken))

    def outcomes(
        self, side: int, mine: Invocation, memory: Memory, other: Pending | None
    ) -> "list[_Outcome]":  # fmt: skip
        """Return what the next event of an invocation may lead to, each outcome once, in a fixed order."""
        key = side, mine, memory, other
        if key not in self._followed:
            found: dict[Any, _Outcome] = {}
            for outcome in self._event(side, mine, memory, other):
                for after in [None] if outcome.mine is None else self._silent(side, outcome.mine):
                    whole = _Outcome(after, outcome.memory, outcome.other, outcome.effects)
                    identity = (after, outcome.memory, outcome.other, tuple(sorted(outcome.effects.broken)),
                                tuple(sorted(outcome.effects.unsure)))  # fmt: skip
                    found.setdefault(identity, whole)
            self._followed[key] = list(found.values())
        return self._followed[key]

    def _event(self, side: int, mine: Invocation, memory: Memory, other: Pending | None) -> Iterator["_Outcome"]:
        facts = self.graph(side).facts[mine.node]
        begun = mine.begun or bool(facts.accesses)
        if begun and not mine.begun and memory.owner == 1 - side:
            memory = memory._replace(owner=NOBODY, doubt=False)  # what was before this one's first access was before it
        pending: list[Pending | None] = [None, None]
        for after, env, world in self._execute(side, mine, memory, other):
            pending = world.pending
            if after == END:
                yield _Outcome(None, world.memory, pending[1 - side], world.effects)
            else:
                values, slots = self._restricted(side, after, env)
                invocation = Invocation(after, values, slots, begun, pending[side])
                yield _Outcome(invocation, world.memory, pending[1 - side], world.effects)

    def _silent(self, side: int, mine: Invocation) -> list[Invocation | None]:
        """Return where an invocation may come to by steps that cannot be noticed: an event each, None for its end."""
        known = self._ways.get((side, mine))
        if known is not None:
            return known
        found: dict[Invocation | None, None] = {}
        seen, work = {mine}, [mine]
        while work:
            at = work.pop()
            if at.node in self.events[side]:
                found[at] = None
                continue
            for after, env, _ in self._execute(side, at, _NO_MEMORY, None):
                if after == END:
                    found[None] = None
                    continue
                values, slots = self._restricted(side, after, env)
                following = at._replace(node=after, values=values, slots=slots)
                if following not in seen:
                    seen.add(following)
                    work.append(following)
        ways = self._ways[side, mine] = list(found)
        return ways

    def _execute(
        self, side: int, mine: Invocation, memory: Memory, other: Pending | None
    ) -> Iterator[tuple[int, Env, Together]]:
        """Yield what comes next (a relevant node or `END`), with the registers and the world after the instruction."""
        code, number, part = self.watched.code, mine.node, self.slices[side]
        pending = [mine.pending, other] if side == 0 else [other, mine.pending]

        def once(choices: Choices) -> tuple[int | None, Env, Together]:
            env = Env(dict(mine.values), dict(mine.slots), LOST)
            world = Together(self.watched, side, choices, memory, list(pending))
            if number in part.executed:
                node = execute(code, code.nodes[number], env, world)
                return (END if node is None else part.first.get(code.number(node))), env, world
            world.touch(number)
            facts = self.graph(side).facts[number]
            ways = list(dict.fromkeys(part.first[after] for after in facts.successors if after in part.first))
            if facts.ends:
                ways.append(END)
            return (ways[world.choose(len(ways))] if len(ways) > 1 else ways[0] if ways else None), env, world

        for _, (after, env, world) in every(once):
            if after is not None:
                yield after, env, world

    def _restricted(
        self, side: int, number: int, env: Env
    ) -> tuple[tuple[tuple[int, Value], ...], tuple[tuple[int, tuple[int, Value]], ...]]:
        """Return the part of `env` that matters at a node; at a loop's head, what the loop changes as a range."""
        keep = self.slices[side].keep[number]
        ranges = self._loop_ranges(side, number, keep)
        values = {at: _plain(value) for at, value in env.values.items() if at in keep}
        slots = {
            at: (size, _plain(value))
            for at, (size, value) in env.slots.items()
            if any(part in keep for part in range(at, at + size))
        }
        for at, value in ranges.items():
            if at in values:
                values[at] = value
            elif at in slots:
                slots[at] = slots[at][0], value
        return tuple(sorted(values.items(), key=_place)), tuple(sorted(slots.items(), key=_place))

    def _loop_ranges(self, side: int, number: int, keep: frozenset[int]) -> dict[int, Value]:
        graph = self.graph(side)
        found: dict[int, Value] = {}
        for loop in graph.loops:
            if number in loop.heads:
                known = graph.envs[number]
                for at in keep & loop.changed:
                    slot = known.slots.get(at)
                    value = slot[1] if slot else known.values.get(at, UNKNOWN)
                    if at >= 0 and _wide(value):
                        found[at] = _plain(value)
        return found


class _Outcome(NamedTuple):
    """What an event leads to. other: the pending load of the other program."""

    mine: Invocation | None
    memory: Memory
    other: Pending | None
    effects: Effects


_NO_MEMORY = Memory(())


def _place(item: tuple[int, object]) -> int:
    return item[0]


def _plain(value: Value) -> Value:
    """Return a value without its origins, which only the analysis of a program alone asks for."""
    return value._replace(origins=frozenset()) if value.origins else value


def _wide(value: Value) -> bool:
    if isinstance(value, Scalar):
        return value.high - value.low >= FEW
    return isinstance(value, Lost) or (isinstance(value, Pointer) and any(s.high - s.low >= FEW for s in value.spots))




__all__ += ["Rules"]
