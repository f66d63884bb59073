"""Steps of single contexts that an earlier run has evaluated, kept between runs.

What a step does is a function of the machine code, of where everything lies in memory, of the context's own state and
of what it reads. All but the last two is in the key under which steps are kept; the context's state and the values read
are kept with each step. Steps that end in a fault are not kept: what is told of it names files and lines.
"""

from collections.abc import Iterator, Sequence
from dataclasses import fields
from itertools import chain
from json import dumps
from typing import Any, NamedTuple

from ctxrace.kernel.model.interner import Interner
from ctxrace.kernel.model.layout import Layout
from ctxrace.kernel.model.outcome import Outcome, Role, Tree
from ctxrace.kernel.rules.contexts import Level
from ctxrace.machine.findings.code import content
from ctxrace.machine.findings.store import directory, keep, key_of, recall
from ctxrace.machine.flow import Activation, Flow, Machine
from ctxrace.machine.memory import Read, RegionKind, Touch, Write

__all__ = ["KnownSteps", "Seen"]

MOST_STEPS = 20_000
"""More steps of one machine code than this are not kept."""

_Row = list[Any]


class Seen(NamedTuple):
    """What an interrupt's step has to do with the bpf_ctx of the task that it cuts in on.

    holds: whether the handler has it in a register or on its stack; touches: whether the step accesses it.
    compared: the pointers with which the step was taken, too, and was the same.
    """

    holds: bool
    touches: bool
    compared: list[int]


class _Known(NamedTuple):
    reads: tuple[Read, ...]
    outcome: Outcome
    seen: Seen


class KnownSteps:
    """Know the steps kept under `key`. numbers: of flows, those of this run."""

    def __init__(self, key: str, numbers: Interner[tuple[Role, Flow]]) -> None:
        self._key, self._numbers = key, numbers
        self._flows: list[_Row] = []
        self._steps: dict[str, list[_Row]] = {}
        match recall(key):
            case {"flows": list(flows), "steps": dict(steps)}:
                self._flows, self._steps = flows, steps
        self._places: dict[int, int | None] = {}  # of a flow's number: where it stands in `_flows`, if it does
        self._by_content: dict[str, int] = {}  # the same of its content, filled when it is needed first
        self._trees: dict[str, Tree[_Row]] = {}
        self._new: list[tuple[Role | int, int, tuple[Read, ...], Outcome, Seen]] = []
        self._recalled: list[tuple[_Row, int]] = []  # rows with pointers, and with how many the step was compared

    @classmethod
    def of(
        cls, machine: Machine, layout: Layout, numbers: Interner[tuple[Role, Flow]], how: tuple[object, ...]
    ) -> "KnownSteps | None":
        """Return what is known of the steps of `machine` in `layout`; None where nothing is kept.

        how: what else decides what a step does, and whether it is allowed.
        """
        if directory() is None or machine.image.discovery is not None:  # of the latter what is known changes
            return None
        return cls(key_of(*_code(machine), *_memory(layout), repr(how)), numbers)

    def find(self, what: Role | int, identity: int, shared: bytes, own: bytes) -> _Known | None:
        """Return the step that begins `what`, or goes on from the flow of that number; None where it is not known."""
        if not self._steps:
            return None
        start = self._start(what)
        if start is None:
            return None
        key = f"{start} {identity}"
        tree = self._trees.get(key)
        if tree is None:
            tree = self._trees[key] = Tree()
            for row in self._steps.get(key, ()):
                tree.insert(_reads(row[0]), row)
        found = tree.find(shared, own)
        return None if found is None else self._outcome(found)

    def add(self, what: Role | int, identity: int, reads: tuple[Read, ...], outcome: Outcome, seen: Seen) -> None:
        """Take in a step that was evaluated."""
        if not outcome.fault and len(self._new) < MOST_STEPS:
            self._new.append((what, identity, reads, outcome, seen))

    def keep(self) -> None:
        """Keep the steps taken in, with those that were known, for later runs."""
        compared = any(len(row[-1]) > number for row, number in self._recalled)
        if not self._new and not compared or sum(map(len, self._steps.values())) + len(self._new) > MOST_STEPS:
            return
        self._index()
        for what, identity, reads, outcome, seen in self._new:
            start = _role(what) if isinstance(what, Role) else str(self._place(what))
            row = [
                [(read.kind, read.offset, read.size, read.value.hex()) for read in reads],
                self._place(outcome.flow),
                outcome.finished,
                outcome.masked,
                [(write.kind, write.offset, write.data.hex()) for write in outcome.writes],
                outcome.address,
                outcome.touches,
                outcome.notes,
                outcome.path,
                seen.holds,
                seen.touches,
                seen.compared,
            ]
            self._steps.setdefault(f"{start} {identity}", []).append(row)
        self._new, self._recalled = [], []
        keep(self._key, {"flows": self._flows, "steps": self._steps})

    def _start(self, what: Role | int) -> str | None:
        if isinstance(what, Role):
            return _role(what)
        if what not in self._places:
            self._index()
            self._places[what] = self._by_content.get(dumps(_flow_row(*self._numbers.values[what])))
        place = self._places[what]
        return None if place is None else str(place)

    def _place(self, number: int) -> int:
        """Return where flow `number` stands in `_flows`; put it there where it does not."""
        place = self._places.get(number)
        if place is None:
            row = _flow_row(*self._numbers.values[number])
            place = self._by_content.setdefault(dumps(row), len(self._flows))
            self._places[number] = place
            if place == len(self._flows):
                self._flows.append(row)
        return place

    def _index(self) -> None:
        if not self._by_content:
            self._by_content = {dumps(row): place for place, row in enumerate(self._flows)}

    def _outcome(self, row: _Row) -> _Known:
        reads, place, finished, masked, writes, address, touches, notes, path, holds, touched, compared = row
        number = self._numbers(_flow(self._flows[place]))
        self._places[number] = place
        if holds or touched:
            self._recalled.append((row, len(compared)))
        outcome = Outcome(
            number,
            finished,
            masked,
            tuple(Write(_KINDS[kind], at, bytes.fromhex(data)) for kind, at, data in writes),
            address,
            tuple(Touch(*touch) for touch in touches),
            tuple((kind, text) for kind, text in notes),
            None,
            tuple(path),
        )
        return _Known(_reads(reads), outcome, Seen(holds, touched, compared))


_KINDS = {int(kind): kind for kind in RegionKind}
_LEVELS = {int(level): level for level in Level}


def _code(machine: Machine) -> Iterator[bytes | str]:
    """Return what of the code decides which steps a context takes."""
    yield from content(machine.image)
    yield repr((machine.starts, machine.results, machine.migrates))
    yield repr((sorted(machine.tracked), sorted(machine.result_sizes.items())))
    yield repr((sorted(machine.checks), sorted(machine.sleeping.items())))


def _memory(layout: Layout) -> Iterator[bytes | str]:
    """Return what of memory decides that: where everything lies, and what nobody changes."""
    yield layout.constant
    yield repr([getattr(layout.struct, field.name) for field in fields(layout.struct) if field.compare])
    yield repr((layout.tasks, layout.shared_stacks, layout.cpus, layout.cpu, layout.percpu_offset, len(layout.shared)))
    for identity in (0, layout.idle):
        for level in Level:
            yield repr((layout.regions(level, identity), layout.system_registers(identity)))


def _role(role: Role) -> str:
    return f"{int(role.level)} {role.entry} {int(role.window)} {role.way}"


def _reads(rows: Sequence[_Row]) -> tuple[Read, ...]:
    return tuple(Read(_KINDS[kind], at, size, bytes.fromhex(value)) for kind, at, size, value in rows)


def _flow_row(role: Role, flow: Flow) -> _Row:
    assert not flow.marks
    return [
        int(role.level), role.entry, role.window, role.way, flow.pc, [*chain.from_iterable(flow.registers)],
        flow.stack.hex(), flow.monitor, flow.active, flow.done, flow.shadow, flow.endless,
    ]  # fmt: skip


def _flow(row: _Row) -> tuple[Role, Flow]:
    level, entry, window, way, pc, words, stack, monitor, active, done, shadow, endless = row
    registers = tuple(zip(words[::2], words[1::2], strict=True))
    running = tuple(Activation(*each) for each in active)
    flow = Flow(pc, registers, bytes.fromhex(stack), tuple(monitor), running, tuple(done), shadow, endless)
    return Role(_LEVELS[level], entry, window, way), flow
