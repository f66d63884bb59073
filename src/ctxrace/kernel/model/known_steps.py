"""Steps of single contexts that an earlier run has evaluated, kept between runs.

What a step does is a function of the machine code, of where everything lies in memory, of the context's own state and
of what it reads. All but the last two is in the key under which steps are kept; the context's state and the values read
are kept with each step. Steps that end in a fault are not kept: what is told of it names files and lines.
"""

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import fields
from itertools import chain
from typing import Any, Generic, NamedTuple, TypeVar

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

Value = TypeVar("Value", bound=Hashable)
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
        flows: list[_Row] = []
        paths: list[_Row] = []
        self._steps: dict[str, list[_Row]] = {}
        match recall(key):
            case {"flows": list(flows), "paths": list(paths), "steps": dict(steps)}:
                self._steps = steps
        self._flows = _Table(flows, _flow, lambda value: _flow_row(*value))
        self._paths: _Table[tuple[int, ...]] = _Table(paths, tuple, list)
        self._places: dict[int, int | None] = {}  # of a flow's number: its place in `_flows`, if it has one
        self._numbered: dict[int, int] = {}  # of such a place: the number
        self._trees: dict[str, Tree[tuple[tuple[Read, ...], _Row]]] = {}
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
                reads = _reads(row[0])
                tree.insert(reads, (reads, row))
        found = tree.find(shared, own)
        return None if found is None else self._known(*found)

    def add(self, what: Role | int, identity: int, reads: tuple[Read, ...], outcome: Outcome, seen: Seen) -> None:
        """Take in a step that was evaluated."""
        if not outcome.fault and len(self._new) < MOST_STEPS:
            self._new.append((what, identity, reads, outcome, seen))

    def keep(self) -> None:
        """Keep the steps taken in, with those that were known, for later runs."""
        compared = any(len(row[-1]) > number for row, number in self._recalled)
        if not self._new and not compared or sum(map(len, self._steps.values())) + len(self._new) > MOST_STEPS:
            return
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
                self._paths.put(outcome.path),
                seen.holds,
                seen.touches,
                seen.compared,
            ]
            self._steps.setdefault(f"{start} {identity}", []).append(row)
        self._new, self._recalled = [], []
        keep(self._key, {"flows": self._flows.rows, "paths": self._paths.rows, "steps": self._steps})

    def _start(self, what: Role | int) -> str | None:
        if isinstance(what, Role):
            return _role(what)
        if what not in self._places:
            self._places[what] = self._flows.place(self._numbers.values[what])
        place = self._places[what]
        return None if place is None else str(place)

    def _place(self, number: int) -> int:
        """Return the place of flow `number` in `_flows`; put it there where it has none."""
        place = self._places.get(number)
        if place is None:
            place = self._places[number] = self._flows.put(self._numbers.values[number])
        return place

    def _known(self, reads: tuple[Read, ...], row: _Row) -> _Known:
        _, place, finished, masked, writes, address, touches, notes, path, holds, touched, compared = row
        number = self._numbered.get(place)
        if number is None:
            number = self._numbered[place] = self._numbers(self._flows[place])
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
            self._paths[path],
        )
        return _Known(reads, outcome, Seen(holds, touched, compared))


class _Table(Generic[Value]):
    """Values that many steps have in common, each once: in the rows of steps stand their places.

    rows: what is kept of them; read: makes a value of such a row, and spell makes a row of a value.
    """

    def __init__(self, rows: list[_Row], read: Callable[[_Row], Value], spell: Callable[[Value], _Row]) -> None:
        self.rows, self._read, self._spell = rows, read, spell
        self._values: dict[int, Value] = {}
        self._places: dict[Value, int] | None = None  # filled when it is needed first

    def __getitem__(self, place: int) -> Value:
        value = self._values.get(place)
        if value is None:
            value = self._values[place] = self._read(self.rows[place])
        return value

    def place(self, value: Value) -> int | None:
        """Return the place of `value`, if it has one."""
        if self._places is None:
            self._places = {self[place]: place for place in range(len(self.rows))}
        return self._places.get(value)

    def put(self, value: Value) -> int:
        """Return the place of `value`, which gets one where it has none."""
        place = self.place(value)
        if place is None:
            assert self._places is not None
            place = self._places[value] = len(self.rows)
            self.rows.append(self._spell(value))
        return place


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
