"""One program, followed alone: every instruction that it may execute, with what it may touch there.

It is an abstract interpretation with ranges. Loops are not unrolled: what changes in them becomes a range, so that the
result covers every run, however long.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any

from ctxrace.bpf.programs.follow.calls import draws
from ctxrace.bpf.programs.follow.choices import Choices, every
from ctxrace.bpf.programs.follow.cycles import cycles
from ctxrace.bpf.programs.follow.execute import execute
from ctxrace.bpf.programs.follow.operands import Code, Doubt, Operands
from ctxrace.bpf.programs.follow.state import Env, Node, register
from ctxrace.bpf.programs.follow.values import (
    FARTHEST,
    Lost,
    Pointer,
    Region,
    Scalar,
    Space,
    Spot,
    Value,
    origins_of,
)
from ctxrace.bpf.programs.isa.instruction import Kind
from ctxrace.core.errors import ExecutionError
from ctxrace.core.limits import spend
from ctxrace.core.setting import Setting

__all__ = ["Access", "Graph", "Loop", "NodeFacts", "follow_alone"]

PATIENCE = 3  # visits of a loop's head before ranges are widened
MOST_NODES = 100_000
TIMER_SET_CALLBACK = 170  # BPF_FUNC_timer_set_callback
STRAIGHT = frozenset((Kind.ALU, Kind.CONSTANT, Kind.LOAD, Kind.STORE, Kind.GOTO))
"""Instructions that a program alone goes on from in one way only."""


@dataclass(frozen=True, slots=True)
class Access:
    """One touch of shared memory by an instruction.

    kind: ``r``, ``w``, ``p`` or ``s`` as in `helpers`, ``a`` for an atomic operation, which reads and writes.
    low, high: the bytes from `low` up to, not including, `high` that it may touch. exact: it touches all of them.
    size: bytes at once, where it is one access. origins: the nodes that the value comes from; None where lost.
    """

    kind: str
    region: Region
    low: int
    high: int
    exact: bool
    size: int
    origins: frozenset[int] = frozenset()

    @property
    def writes(self) -> bool:
        """Whether memory may be different afterwards."""
        return self.kind in "wpa"

    @property
    def reads(self) -> bool:
        """Whether what was there matters."""
        return self.kind in "rsa"


@dataclass(slots=True)
class NodeFacts:
    """What an instruction may do, in every run.

    used, set_, touched: locations of registers and stack bytes that are read, written, and perhaps written.
    draws: it is a call whose result says nothing of what it was given. pointer: of a load, what it loads from.
    """

    successors: list[int] = field(default_factory=list)
    used: set[int] = field(default_factory=set)
    set_: set[int] = field(default_factory=set)
    touched: set[int] = field(default_factory=set)
    accesses: list[Access] = field(default_factory=list)
    doubts: list[tuple[Doubt, str]] = field(default_factory=list)
    ends: bool = False
    sleeps: bool = False
    draws: bool = False
    pointer: Value | None = None


@dataclass(frozen=True, slots=True)
class Loop:
    """Nodes that lead back to one another. heads: those to which it goes back; changed: the locations it may set."""

    nodes: frozenset[int]
    heads: frozenset[int]
    changed: frozenset[int]


@dataclass(slots=True)
class Graph:
    """A whole program. entry: its first node; doubts: what is not followed, and where.

    envs: what is found at the nodes at which several ways may meet.

    repeated: the nodes that one run may come through again.
    callbacks: functions that run later by themselves: their kind, as sections of the rules spell it, section, slot and
    map.
    """

    entry: int
    facts: dict[int, NodeFacts]
    envs: dict[int, Env]
    doubts: dict[tuple[Doubt, str], int]
    repeated: frozenset[int] = frozenset()
    loops: list[Loop] = field(default_factory=list)
    callbacks: tuple[tuple[str, str, int, str], ...] = ()


class _Alone:
    """The world of a program alone: shared memory holds anything, and everything that is touched is noted."""

    def __init__(self, code: Code, choices: Choices, facts: NodeFacts) -> None:
        self.code, self.facts = code, facts
        self.choose = choices.choose

    def name(self, node: Node) -> Any:  # noqa: ANN401, ARG002 - a name would differ from turn to turn
        return None

    def doubt(self, node: Node, why: Doubt, what: str) -> None:  # noqa: ARG002
        self.facts.doubts.append((why, what))

    def load(self, node: Node, spots: tuple[Spot, ...] | None, size: int) -> Value:
        self._note(node, "r", spots, size, size)
        return Scalar(0, (1 << 8 * size) - 1, None, frozenset((self.code.number(node),)))

    def store(self, node: Node, spots: tuple[Spot, ...] | None, size: int, value: Value) -> None:
        self._note(node, "w", spots, size, size, origins_of(value))

    def atomic(
        self, node: Node, spots: tuple[Spot, ...] | None, size: int, *_: object
    ) -> Value:  # fmt: skip
        self._note(node, "a", spots, size, size)
        return Scalar(0, (1 << 8 * size) - 1, None, frozenset((self.code.number(node),)))

    def copy(self, node: Node, kind: str, spots: tuple[Spot, ...] | None, low: int, high: int) -> None:
        if high:
            self._note(node, kind, spots, low, high)

    def sleep(self, node: Node) -> None:  # noqa: ARG002
        self.facts.sleeps = True

    def _note(
        self, node: Node, kind: str, spots: tuple[Spot, ...] | None, least: int, most: int,
        origins: frozenset[int] = frozenset(),
    ) -> None:  # fmt: skip
        if spots is None:
            self.doubt(node, Doubt.ADDRESS, self.code.object.function_at(node.section, node.slot))
            return
        for spot in spots:
            limit = self._size(spot.region)
            low, high = max(spot.low, 0), min(spot.high + most, limit)
            if low < high:
                exact = spot.low == spot.high and least == most and len(spots) == 1 and kind != "p"
                size = most if least == most else 0
                self.facts.accesses.append(Access(kind, spot.region, low, high, exact, size, origins))

    def _size(self, region: Region) -> int:
        found = self.code.object.maps.get(region.name.removesuffix(".inner"))
        if found is not None and region.name.endswith(".inner"):
            found = found.inner
        return found.value_size if found is not None and found.value_size else 1 << 29


def follow_alone(code: Code, section: str, slot: int, callback_of: str = "") -> Graph:
    """Follow the program that begins at `slot` of `section`.

    callback_of: for a timer's or a workqueue's callback, the map whose value it gets.
    Raises `ExecutionError` where it is too large, or leads out of the code.
    """
    node = Node(0, section, slot)
    env = Env()
    env.set(register(0, 1), Pointer((Spot(Region(Space.CONTEXT, ""), 0, 0),)))
    if callback_of:
        place = Region(Space.ELEMENT, callback_of, ("?", -1))
        env.set(register(0, 1), Pointer((Spot(Region(Space.MAP, callback_of), 0, 0),)))
        env.set(register(0, 3), Pointer((Spot(place, 0, 0),)))
    running = _Fixpoint(code, node, env)
    running.run()
    return running.graph()


class _Fixpoint:
    def __init__(self, code: Code, entry: Node, env: Env) -> None:
        self.code, self.entry = code, code.number(entry)
        self.envs: dict[int, Env] = {self.entry: env}
        self.visits: dict[int, int] = {}
        self.queue: list[tuple[tuple[int, ...], int]] = []
        self.waiting: set[int] = set()
        self.paths: dict[int, tuple[int, ...]] = {0: ()}
        self.orders: dict[int, tuple[int, ...]] = {}
        self.thresholds = code.thresholds
        self.found = Graph(self.entry, {}, self.envs, {})
        self.callbacks: dict[tuple[str, str, int, str], None] = {}
        self._joins: dict[str, frozenset[int]] = {}

    def order(self, number: int) -> tuple[int, ...]:
        """Return where a node comes in the order of the code: a callee between its call and what follows."""
        known = self.orders.get(number)
        if known is None:
            node = self.code.nodes[number]
            known = self.orders[number] = (*self.path(node.frame), node.slot)
        return known

    def path(self, frame: int) -> tuple[int, ...]:
        if frame not in self.paths:
            found = self.code.frames[frame]
            self.paths[frame] = (*self.path(found.caller), found.back - 1)
        return self.paths[frame]

    def push(self, number: int) -> None:
        if number not in self.waiting:
            self.waiting.add(number)
            heappush(self.queue, (self.order(number), number))

    def run(self) -> None:
        """Execute nodes until nothing changes any more. The last time that a node is executed, it finds all it may."""
        self.push(self.entry)
        while self.queue:
            _, number = heappop(self.queue)
            self.waiting.discard(number)
            stretch = [(number, self.envs[number].copy())]
            while stretch:
                number, env = stretch.pop()
                facts = self.found.facts[number] = NodeFacts()
                for after, env_after in self.outcomes(number, env, facts):
                    self.go_on(number, after, env_after, facts, stretch)
            spend("following a program's instructions")
            if len(self.found.facts) > MOST_NODES:
                raise ExecutionError(
                    f"it has more than {MOST_NODES:,} instructions, each counted once for every chain of calls to it; "
                    "check the others with ", Setting("program")
                )

    def go_on(
        self, number: int, after: Node | None, env: Env, facts: NodeFacts, stretch: list[tuple[int, Env]]
    ) -> None:  # fmt: skip
        """Note where a node leads, and follow it right there where nothing else leads there."""
        if after is None:
            facts.ends = True
            return
        target = self.code.number(after)
        if target not in facts.successors:
            facts.successors.append(target)
        if after.slot in self.joins(after.section):
            self.arrive(number, target, env)
        else:
            stretch.append((target, env))

    def joins(self, section: str) -> frozenset[int]:
        """Return the slots of a section to which several ways may lead: all but what only follows the one before."""
        known = self._joins.get(section)
        if known is None:
            found = {function.start for function in self.code.object.functions.values() if function.section == section}
            for slot, x in self.code.object.code[section].items():
                if x.form.kind in (Kind.BRANCH, Kind.GOTO, Kind.MAY_GOTO):
                    found.add(x.target)
                elif x.form.kind in (Kind.CALL, Kind.CALL_REGISTER):
                    found |= {slot, slot + 1}
            known = self._joins[section] = frozenset(found | {self.code.nodes[self.entry].slot})
        return known

    def outcomes(self, number: int, env: Env, facts: NodeFacts) -> Iterator[tuple[Node | None, Env]]:
        """Yield what comes next, with what is found there. `env` is not used any more afterwards."""
        node = self.code.nodes[number]
        x = self.code.instruction(node)
        if x.form.kind in STRAIGHT:
            env.used, env.set_, env.touched = facts.used, facts.set_, facts.touched
            world = _Alone(self.code, Choices(), facts)
            if x.form.kind is Kind.LOAD:
                facts.pointer = Operands(self.code, node, env, world).get(x.src)
            yield execute(self.code, node, env, world), env
            return

        def once(choices: Choices) -> tuple[Node | None, Env]:
            mine = env.copy()
            after = execute(self.code, node, mine, _Alone(self.code, choices, facts))
            facts.used |= mine.used
            facts.set_ |= mine.set_
            facts.touched |= mine.touched
            return after, mine

        for _, found in every(once):
            yield found
        if x.form.kind is Kind.CALL:
            self.note_callback(node, env)

    def arrive(self, source: int, target: int, env: Env) -> None:
        """Join what an edge brings with what its target has."""
        known = self.envs.get(target)
        if known is None:
            self.envs[target] = Env(env.values, env.slots, env.missing)
            self.push(target)
            return
        joined = known.joined(env)
        if joined.same(known):
            return
        if self.order(target) <= self.order(source):
            self.visits[target] = self.visits.get(target, 0) + 1
            if self.visits[target] > PATIENCE:
                joined = self.widened(known, joined)
        self.envs[target] = joined
        self.push(target)

    def widened(self, before: Env, after: Env) -> Env:
        values = {at: self.wider(before.values[at], value) for at, value in after.values.items()}
        slots = {at: (size, self.wider(before.slots[at][1], value)) for at, (size, value) in after.slots.items()}
        return Env(values, slots, after.missing)

    def wider(self, before: Value, after: Value) -> Value:
        """Move the ends that have moved on to the next number that the code compares with."""
        if before == after or isinstance(after, Lost):
            return after
        if isinstance(after, Scalar) and isinstance(before, Scalar):
            ends = self.thresholds
            low = after.low if after.low == before.low else ends[bisect_right(ends, after.low) - 1]
            high = after.high if after.high == before.high else ends[bisect_left(ends, after.high)]
            return after._replace(low=low, high=high)
        if isinstance(after, Pointer) and isinstance(before, Pointer):
            known = {spot.region: spot for spot in before.spots}
            spots = tuple(self._wider_spot(known.get(spot.region, spot), spot) for spot in after.spots)
            return after._replace(spots=spots)
        return after

    def _wider_spot(self, before: Spot, after: Spot) -> Spot:
        low = after.low if after.low == before.low else -FARTHEST
        high = after.high if after.high == before.high else FARTHEST
        return Spot(after.region, low, high)

    def graph(self) -> Graph:
        """Return what was found, with its loops."""
        found = self.found
        found.facts = {number: found.facts[number] for number in sorted(found.facts, key=self.order)}
        for number, facts in found.facts.items():
            facts.accesses = list(dict.fromkeys(facts.accesses))
            facts.draws = draws(self.code, self.code.nodes[number])
            for doubt in facts.doubts:
                found.doubts.setdefault(doubt, number)
        for loop in self.loops():
            found.repeated |= loop
            changed = frozenset().union(*(found.facts[number].set_ | found.facts[number].touched for number in loop))
            back = (
                after
                for number in loop
                for after in found.facts[number].successors
                if after in loop and self.order(after) <= self.order(number)
            )
            found.loops.append(Loop(loop, frozenset(back), changed))
        found.callbacks = tuple(self.callbacks)
        return found

    def loops(self) -> Iterator[frozenset[int]]:
        """Yield the nodes of each loop; most programs have none, as nothing in them leads back."""
        facts, orders = self.found.facts, self.orders
        if any(orders[after] <= orders[number] for number, found in facts.items() for after in found.successors):
            yield from cycles({number: found.successors for number, found in facts.items()})

    def note_callback(self, node: Node, env: Env) -> None:
        """Note the function that a timer, a workqueue or a task's work will call."""
        x = self.code.instruction(node)
        reference = self.code.reference(node)
        kind, at, holder_at = "", 2, 1
        if x.imm == TIMER_SET_CALLBACK and not x.src and reference is None:
            kind = "timer"
        elif reference and reference.name.startswith("bpf_wq_set_callback"):
            kind = "wq"
        elif reference and reference.name.startswith("bpf_task_work_schedule_"):
            kind, at, holder_at = "task_work", 4, 2
        if kind:
            depth = self.code.frames[node.frame].depth
            function, holder = env.get(register(depth, at)), env.get(register(depth, holder_at))
            if isinstance(function, Pointer) and isinstance(holder, Pointer):
                for spot in function.spots:
                    if spot.region.space is Space.CODE:
                        called = kind, spot.region.name, spot.region.key, holder.spots[0].region.name
                        self.callbacks.setdefault(called)
