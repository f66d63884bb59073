"""The world in which two programs run together: what one instruction of one of them does to what is watched."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ctxrace.bpf.programs.follow.alone import Graph
from ctxrace.bpf.programs.follow.choices import Choices
from ctxrace.bpf.programs.follow.operands import Code, Doubt
from ctxrace.bpf.programs.follow.state import Node
from ctxrace.bpf.programs.follow.values import Region, Scalar, Spot, Value, alu
from ctxrace.bpf.programs.meet.memory import (
    NOBODY,
    Cell,
    Memory,
    Pending,
    read_cell,
    settled,
    tagged,
    untagged,
    write_cell,
)
from ctxrace.bpf.programs.meet.pair import Aliases, Question, Topic

__all__ = ["Effects", "Together", "Watched"]


@dataclass(frozen=True)
class Watched:
    """What a search watches.

    written: the bytes that one of the programs writes, by region; constants: numbers in the code.
    reaching: the nodes of each that touch memory that both reach; touching: those that touch what is watched;
    conflicting: those of them that touch what the other touches, too, where one of both writes.
    """

    code: Code
    graphs: tuple[Graph, Graph]
    aliases: Aliases
    question: Question
    cells: tuple[Cell, ...]
    written: Mapping[Region, Sequence[tuple[int, int]]]
    constants: frozenset[int]
    reaching: tuple[frozenset[int], frozenset[int]]
    touching: tuple[frozenset[int], frozenset[int]]
    conflicting: tuple[frozenset[int], frozenset[int]]


@dataclass
class Effects:
    """What an instruction has done. broken: the sides whose property it breaks; unsure: the same, perhaps.

    log: what was read and written, as kind, region, low, high and value. doubtful: not all of it surely was written.
    """

    broken: set[int] = field(default_factory=set)
    unsure: set[int] = field(default_factory=set)
    log: list[tuple[str, Region, int, int, Value | None]] = field(default_factory=list)
    doubtful: bool = False


@dataclass(frozen=True)
class _Target:
    """A place that an access means. certain: it is this memory; exact: all of the bytes are touched."""

    region: Region
    certain: bool
    low: int
    high: int
    exact: bool


class Together:
    """Shared memory during one instruction of the program `side`. pending: the loads of both that are to be stored."""

    def __init__(
        self, watched: Watched, side: int, choices: Choices, memory: Memory, pending: list[Pending | None]
    ) -> None:
        self.watched, self.side, self.pending = watched, side, pending
        self.cells, self.owner, self.unsure_owner = list(memory.cells), memory.owner, memory.doubt
        self.choose = choices.choose
        self.effects = Effects()

    @property
    def memory(self) -> Memory:
        """What memory holds now."""
        return Memory(tuple(self.cells), self.owner, self.unsure_owner and self.owner != NOBODY)

    # What an instruction asks

    def name(self, node: Node) -> Any:  # noqa: ANN401
        return ("in", self.watched.code.number(node))

    def doubt(self, node: Node, why: Doubt, what: str) -> None:
        """Every doubt is known already: the program was followed alone."""

    def sleep(self, node: Node) -> None:
        """Where the program may sleep is known already."""

    def load(self, node: Node, spots: tuple[Spot, ...] | None, size: int) -> Value:
        number = self.watched.code.number(node)
        target = self._one(self._targets(number, "r", spots, size))
        found = None if target is None else self._read(target, size)
        value = Scalar(0, (1 << 8 * size) - 1, self.name(node)) if found is None else found
        if target is not None:
            self.effects.log.append(("read", target.region, target.low, target.high, value))
            self._loaded(number, value)
        return value

    def store(self, node: Node, spots: tuple[Spot, ...] | None, size: int, value: Value) -> None:
        number = self.watched.code.number(node)
        target = self._one(self._targets(number, "w", spots, size))
        if target is not None:
            self._write(number, target, value)

    def atomic(
        self, node: Node, spots: tuple[Spot, ...] | None, size: int, operation: str, operand: Value, expected: Value
    ) -> Value:  # fmt: skip
        number = self.watched.code.number(node)
        target = self._one(self._targets(number, "a", spots, size))
        unknown = Scalar(0, (1 << 8 * size) - 1, self.name(node))
        if target is None:
            return unknown
        before = self._read(target, size) or unknown
        self.effects.log.append(("read", target.region, target.low, target.high, before))
        if operation == "cmpxchg":
            if self._equal(before, expected, size):
                self._write(number, target, operand)
            return before
        after: Value | None = None
        if operation == "xchg":
            after = operand
        elif isinstance(before, Scalar) and isinstance(operand, Scalar):
            after = alu(operation.removeprefix("fetch_"), 8 * size, before, operand)
        self._write(number, target, after)
        return before

    def _equal(self, first: Value, second: Value, size: int) -> bool:
        if isinstance(first, Scalar) and isinstance(second, Scalar):
            mask = (1 << 8 * size) - 1
            if first.low == first.high and second.low == second.high:
                return first.low & mask == second.low & mask
            if first.name is not None and first.name == second.name:
                return True
            if first.high < second.low or (second.high <= mask and second.high < first.low):
                return False
        return self.choose(2) == 0

    def copy(self, node: Node, kind: str, spots: tuple[Spot, ...] | None, low: int, high: int) -> None:
        number = self.watched.code.number(node)
        for target in self._targets(number, kind, spots, high, exact=low == high):
            self._copied(number, kind, target)

    def touch(self, number: int) -> None:
        """Do what the instruction `number` does to memory, where nothing that it computes matters."""
        for access in self.watched.graphs[self.side].facts[number].accesses:
            region, certain = self.watched.aliases.of(self.side, access.region)
            target = _Target(region, certain, access.low, access.high, access.exact)
            if access.kind == "r" and access.size:
                self.effects.log.append(("read", region, access.low, access.high, None))
                self._loaded(number, Scalar(0, (1 << 8 * access.size) - 1))
            elif access.kind == "a":
                self._write(number, target, None)
            else:
                self._copied(number, access.kind, target)

    def _copied(self, number: int, kind: str, target: _Target) -> None:
        if kind == "s":
            self._send(target)
        elif kind in "wp":
            self._write(number, target if kind == "w" else _partly(target), None)
        else:
            self.effects.log.append(("read", target.region, target.low, target.high, None))

    # Places

    def _targets(
        self, number: int, kind: str, spots: tuple[Spot, ...] | None, size: int, *, exact: bool = True
    ) -> list[_Target]:  # fmt: skip
        """Return where an access may go: to `spots`, or wherever the program alone may touch memory here."""
        known = [access for access in self.watched.graphs[self.side].facts[number].accesses if access.kind == kind]
        found = []
        if spots is None:
            for access in known:
                region, certain = self.watched.aliases.of(self.side, access.region)
                found.append(_Target(region, certain, access.low, access.high, access.exact))
            return found
        for spot in spots:
            region, certain = self.watched.aliases.of(self.side, spot.region)
            limits = [access for access in known if access.region == spot.region]
            low = max([spot.low, *(access.low for access in limits[:1])])
            high = min([spot.high + size, *(access.high for access in limits[:1])])
            if low < high:
                found.append(_Target(region, certain, low, high, exact and spot.low == spot.high))
        return found

    def _one(self, targets: list[_Target]) -> _Target | None:
        if not targets:
            return None
        return targets[0] if len(targets) == 1 else targets[self.choose(len(targets))]

    # What is done to them

    def _read(self, target: _Target, size: int) -> Value | None:
        if not target.exact or target.high - target.low != size:
            return None
        for index, cell in enumerate(self.watched.cells):
            if cell.region == target.region and cell.low < target.high and target.low < cell.high:
                found = read_cell(cell, self.cells[index], target.low, size) if target.certain else None
                return None if found is None else untagged(found, self.side)
        written = self.watched.written.get(target.region, ())
        if target.certain and not any(low < target.high and target.low < high for low, high in written):
            return Scalar(0, (1 << 8 * size) - 1, ("cell", (target.region, target.low, size)))
        return None

    def _loaded(self, number: int, value: Value) -> None:
        if number in self.watched.question.loads[self.side]:
            self.pending[self.side] = Pending(_bare(value))

    def _write(self, number: int, target: _Target, value: Value | None) -> None:
        """Write `value`, None for one that is not known."""
        logged = None if value is None or not target.exact else value
        self.effects.log.append(("write", target.region, target.low, target.high, logged))
        touched = [i for i, cell in enumerate(self.watched.cells) if _overlap(cell.region, cell.low, cell.high, target)]
        asked = self.watched.question
        owned = _overlap(asked.region, asked.low, asked.high, target)
        if not touched and not owned:
            return
        sure = target.exact and target.certain
        self.effects.doubtful |= not sure
        hit = sure or self.choose(2) == 0
        if owned:
            self._own(number, hit=hit, sure=sure)
        if hit:
            for index in touched:
                cell = self.watched.cells[index]
                new = tagged(value, self.side) if sure and value is not None else None
                after = write_cell(cell, self.cells[index], target.low, target.high, new)
                self.cells[index] = settled(cell, after, self.watched.constants)

    def _own(self, number: int, *, hit: bool, sure: bool) -> None:
        """Note whose the bytes in question are now, and what becomes of pending loads."""
        side, question = self.side, self.watched.question
        if question.coarse and self.owner == 1 - side:
            return  # some of the bytes may still be the other's
        if hit:
            self.owner, self.unsure_owner = side, False
            other = self.pending[1 - side]
            if other is not None:
                self.pending[1 - side] = other._replace(dirty=True)
        elif self.owner == 1 - side:
            self.unsure_owner = True
        mine = self.pending[side]
        if question.topic is Topic.LOST_UPDATE and number in question.stores[side] and mine is not None:
            if mine.dirty and hit and not self._put_back(mine.value):
                (self.effects.broken if sure else self.effects.unsure).add(side)
            self.pending[side] = None

    def _put_back(self, loaded: Value) -> bool:
        """Return whether the cell holds again what was loaded, so that nothing of the other's is overwritten."""
        question = self.watched.question
        for index, cell in enumerate(self.watched.cells):
            if cell.region == question.region and (cell.low, cell.high) == (question.low, question.high):
                now = self.cells[index]
                if isinstance(now, Scalar) and isinstance(loaded, Scalar):
                    if now.name is not None and now.name == loaded.name:
                        return True
                    return now.low == now.high == loaded.low == loaded.high
        return False

    def _send(self, target: _Target) -> None:
        self.effects.log.append(("send", target.region, target.low, target.high, None))
        question = self.watched.question
        if question.topic is not Topic.UNMIXED or not _overlap(question.region, question.low, question.high, target):
            return
        if self.owner == 1 - self.side:
            (self.effects.unsure if self.unsure_owner else self.effects.broken).add(self.side)


def _partly(target: _Target) -> _Target:
    return _Target(target.region, target.certain, target.low, target.high, exact=False)


def _bare(value: Value) -> Value:
    """Return a loaded value as it is compared with what memory holds later: of the names, one that stays the same."""
    if not isinstance(value, Scalar):
        return value
    return Scalar(value.low, value.high, value.name if value.name and value.name[0] == "begin" else None)


def _overlap(region: Region, low: int, high: int, target: _Target) -> bool:
    return region == target.region and low < target.high and target.low < high
