"""Invocations of two programs: what each does from one event to the next, whichever rules let them meet.

A step takes one program from an instruction that touches watched memory to the next such instruction. All that lies
between is its own and cannot be noticed, so that nobody needs to come between there.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from ctxrace.bpf.programs.follow.choices import Choices, every
from ctxrace.bpf.programs.follow.execute import execute, execute_result
from ctxrace.bpf.programs.follow.state import IRQ_OFF, PREEMPT_OFF, Env
from ctxrace.bpf.programs.follow.values import LOST, UNKNOWN, Lost, Pointer, Scalar, Value
from ctxrace.bpf.programs.meet.memory import NOBODY, Memory, Pending
from ctxrace.bpf.programs.meet.relevance import END, Slice
from ctxrace.bpf.programs.meet.together import Effects, Together, Watched
from ctxrace.core.limits import spend

__all__ = ["Following", "Invocation", "Invocations"]

FEW = 16  # numbers that a loop counts through and are still told apart


class Invocation(NamedTuple):
    """One run of a program. node: what it executes next; begun: whether it has touched memory that both reach."""

    node: int
    values: tuple[tuple[int, Value], ...]
    slots: tuple[tuple[int, tuple[int, Value]], ...]
    begun: bool = False
    pending: Pending | None = None


class Invocations:
    """What invocations of two programs do to what is watched; what is found out once is kept.

    everywhere: let the other come before every instruction of a slice. events: the nodes that do something to what is
    watched; exposed: those before which the other may come.
    """

    def __init__(self, watched: Watched, slices: tuple[Slice, Slice], *, everywhere: bool = False) -> None:
        self.watched, self.slices = watched, slices
        self.events = tuple(frozenset(self._events(side, watched.touching[side])) for side in (0, 1))
        self.exposed = tuple(frozenset(self._events(side, watched.conflicting[side])) for side in (0, 1))
        if everywhere:
            self.events = self.exposed = slices[0].relevant, slices[1].relevant
        self._starts: dict[int, list[Invocation | None]] = {}
        self._ways: dict[tuple[int, Invocation], list[Invocation | None]] = {}
        self._followed: dict[tuple[int, Invocation, Memory, Pending | None], list[Following]] = {}

    def _events(self, side: int, touching: frozenset[int]) -> Iterator[int]:
        """Yield the nodes that touch memory, are the first to touch any that both reach, sleep, or keep the other away.

        With those that may conflict with the other for `touching`, these are the nodes before which the other may come.
        What else lies between can be noticed by nobody: the other comes before it as well.
        """
        for number in self.slices[side].relevant:
            facts = self.watched.graphs[side].facts[number]
            touches = number in touching or number in self.watched.reaching[side]
            if touches or facts.sleeps or (facts.set_ & {PREEMPT_OFF, IRQ_OFF}):
                yield number

    def starts(self, side: int) -> list[Invocation | None]:
        """Return how an invocation may begin: before its first event, None where it has none."""
        if side not in self._starts:
            graph = self.watched.graphs[side]
            first = self.slices[side].first.get(graph.entry, END)
            self._starts[side] = []
            if first != END:
                env = self._restricted(side, first, graph.envs[graph.entry])
                self._starts[side] = self._silent(side, Invocation(first, *env))
        return self._starts[side]

    def outcomes(
        self, side: int, mine: Invocation, memory: Memory, other: Pending | None
    ) -> "list[Following]":  # fmt: skip
        """Return what the next event of an invocation may lead to, each outcome once, in a fixed order."""
        key = side, mine, memory, other
        if key not in self._followed:
            found: dict[Any, Following] = {}
            for outcome in self._event(side, mine, memory, other):
                for after in [None] if outcome.mine is None else self._silent(side, outcome.mine):
                    whole = Following(after, outcome.memory, outcome.other, outcome.effects)
                    identity = (after, outcome.memory, outcome.other, tuple(sorted(outcome.effects.broken)),
                                tuple(sorted(outcome.effects.unsure)))  # fmt: skip
                    found.setdefault(identity, whole)
            self._followed[key] = list(found.values())
        return self._followed[key]

    def _event(self, side: int, mine: Invocation, memory: Memory, other: Pending | None) -> Iterator["Following"]:
        begun = mine.begun or mine.node in self.watched.reaching[side]
        if begun and not mine.begun and memory.owner == 1 - side:
            memory = memory._replace(owner=NOBODY, doubt=False)  # what was before this one's first access was before it
        pending: list[Pending | None] = [None, None]
        for after, env, world in self._execute(side, mine, memory, other):
            pending = world.pending
            if after == END:
                yield Following(None, world.memory, pending[1 - side], world.effects)
            else:
                values, slots = self._restricted(side, after, env)
                invocation = Invocation(after, values, slots, begun, pending[side])
                yield Following(invocation, world.memory, pending[1 - side], world.effects)

    def _silent(self, side: int, mine: Invocation) -> list[Invocation | None]:
        """Return where an invocation may come to by steps that cannot be noticed: an event each, None for its end."""
        known = self._ways.get((side, mine))
        if known is not None:
            return known
        found: dict[Invocation | None, None] = {}
        seen, work = {mine}, [mine]
        while work:
            spend()
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
            if number in part.drawn:
                return part.first.get(code.number(execute_result(code, code.nodes[number], env, world))), env, world
            facts = self.watched.graphs[side].facts[number]
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
        graph = self.watched.graphs[side]
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


class Following(NamedTuple):
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
