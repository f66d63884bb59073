"""Tell a run of the kernel as a reviewer would: who runs, which instruction, what it read and wrote."""

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Any

from ctxrace.core.interleaving import Access, Event, Interleaving, Turn
from ctxrace.core.property import Property
from ctxrace.core.schedule import Schedule, Stint
from ctxrace.core.system import Step
from ctxrace.kernel.context import Level, arrival_reason
from ctxrace.kernel.layout import PREEMPT_COUNT, TASK_STRUCT_SIZE
from ctxrace.kernel.position import EVENT, REST, Arrive, Glance, Move, Position, Resume, Start
from ctxrace.machine.flow import EXIT
from ctxrace.machine.memory import RegionKind, Touch

if TYPE_CHECKING:
    from ctxrace.kernel.system import KernelSystem

__all__ = ["Narrator", "narrate", "place_of", "task_name"]


def task_name(number: int) -> str:
    """Return how a report calls task `number`: A to Z, then T26, T27, ..."""
    return chr(ord("A") + number) if number < 26 else f"T{number}"


def narrate(system: "KernelSystem", run: Sequence[tuple[Position, Step]]) -> Interleaving:
    """Return `run` as rows: events, and the turns between contexts."""
    narrator = Narrator(system)
    for state, step in run:
        narrator.add(state, step)
    return narrator.interleaving(run)


class Narrator:
    """Tell a run step by step, and give each folded task a name that it keeps.

    A context is called as in a schedule: a task by its name, with its group where there are several (``A@1``), an
    interrupt by its level, with its entry where there are several (``nmi:entry``), ``~`` before a task that begins
    and is preempted before its first event.
    """

    def __init__(self, system: "KernelSystem") -> None:
        self.system = system
        self.rows: list[Event | Turn] = []
        self.stints: list[Stint] = []
        self.current: str | None = None  # the task that runs; None: the idle task
        self.stack: list[int] = []  # the handlers over it
        self.waiting: dict[str, int] = {}  # preempted tasks, and the numbers of their states
        self.resting: dict[str, int] = {}  # the same for tasks that have finished
        self.named: dict[str, int] = {}  # the group of each task that has a name
        self.finished = ""  # the task that finished last

    def add(self, state: Position, step: Step) -> None:
        """Tell the next step, taken in `state`."""
        if step.label == EVENT:
            running = self.running()
            if not self.stints or self.stints[-1].who != running:
                self.stints.append(Stint(running, 0))
            self.stints[-1] = Stint(running, self.stints[-1].steps + 1)
            self._event(state)
            return
        self.stints.append(Stint(self.who(step.label), 0))
        match step.label:
            case Arrive():
                self._arrive(state, step.label.handler)
            case Resume():
                self._switch(state, step.label.task)
            case Glance():
                self._glance(step.label.task)
            case Start():
                self._start(state, step.label.task)

    def running(self) -> str:
        """Return who runs, as a schedule calls it; empty: the idle task."""
        if self.stack:
            return self._handler(self.stack[-1])
        return self._spell(self.current, self.named[self.current]) if self.current else ""

    def who(self, label: Hashable) -> str:
        """Return who begins to run with the step called `label`, as a schedule calls it."""
        match label:
            case Arrive():
                return self._handler(label.handler)
            case Resume():
                name = self._waiting(label.task)
                return self._spell(name, self.named[name])
            case Glance() | Start():
                group = self.system.tasks.values[label.task].group
                return ("~" if isinstance(label, Glance) else "") + self._spell(self._name(label.task), group)
        return self.running()

    def interleaving(self, run: Sequence[tuple[Position, Step]]) -> Interleaving:
        """Return what was told of `run`."""
        contexts = [*sorted(self.named, key=_column), *(str(level) for level in Level if self._appears(str(level)))]
        switches = sum(step.switches for _, step in run)
        outcome = _outcome(self.system, run) if run and run[-1][1].broken else ""
        schedule = str(Schedule(*self.system.fingerprints(), tuple(self.stints)))
        return Interleaving(tuple(contexts), tuple(self.rows), outcome, switches, schedule=schedule)

    def _spell(self, name: str, group: int) -> str:
        return f"{name}@{group}" if len(self.system.groups) > 2 else name  # the last group is the idle task

    def _handler(self, number: int) -> str:
        handlers = self.system.scenario.handlers
        handler = handlers[number]
        alone = sum(other.level is handler.level for other in handlers) == 1
        return str(handler.level) if alone else f"{handler.level}:{handler.entry}"

    def _waiting(self, task: int) -> str:
        return min((name for name, number in self.waiting.items() if number == task), key=_column)

    def _context(self) -> str:
        return str(self.system.scenario.handlers[self.stack[-1]].level) if self.stack else self.current or "idle"

    def _below(self) -> str:
        if self.stack:
            return self._context()
        return f"task {self.current}" if self.current else "the idle task"

    def _appears(self, context: str) -> bool:
        return any(row.context == context for row in self.rows)

    def _arrive(self, state: Position, number: int) -> None:
        handler = self.system.scenario.handlers[number]
        name = str(handler.level)
        arrivals = self.system.arrivals(state.current, state.interrupts[-1] if state.interrupts else REST)
        move = next(move for label, _, _, move in arrivals if label.handler == number)
        reason = f"{arrival_reason(handler.level)}; over {self._below()}, runs {handler.entry}"
        self.rows.append(Turn("arrival", name, reason, self._notes(move)))
        self.stack.append(number)
        if move.flow == REST:
            self._return()

    def _switch(self, state: Position, task: int) -> None:
        reason = self._put_aside(state)
        name = self._waiting(task)
        del self.waiting[name]
        self.current = name
        self.rows.append(Turn("switch", name, reason))

    def _start(self, state: Position, task: int) -> None:
        idle = self.current is None and not self.waiting
        kind = "start" if self.current is None else "switch"
        reason = "the CPU is idle" if idle else self._put_aside(state)
        group = self.system.tasks.values[task].group
        name = self._name(task)
        self.named[name] = group
        self.resting.pop(name, None)
        self.current = name
        move = self.system.first_move(task, self.system.role_of_task(group))
        self.rows.append(Turn(kind, name, f"{reason}; runs {self.system.groups[group].entry}", self._notes(move)))
        if move.flow == REST:
            self._finish(task)

    def _glance(self, task: int) -> None:
        group = self.system.tasks.values[task].group
        name = self._name(task)
        self.named[name] = group
        entry = self.system.groups[group].entry
        back = self.current or ""
        self.rows.append(Turn("switch", name, f"task {back} is preempted; begins {entry}"))
        self.rows.append(Turn("switch", back, f"task {name} is preempted before its first event"))

    def _name(self, task: int) -> str:
        """Return the name of the task that begins, which is at rest as number `task`."""
        group = self.system.tasks.values[task].group
        known = [name for name, number in self.resting.items() if number == task and self.named[name] == group]
        if self.finished in known:
            return self.finished  # another attempt of the same task, if there is one, rather than another task
        return min(known, key=_column) if known else task_name(len(self.named))

    def _put_aside(self, state: Position) -> str:
        if self.current is None:
            return f"task {self.finished} has finished"
        left = self.system.preempted(state.current)
        assert left is not None
        self.waiting[self.current] = left
        return f"task {self.current} is preempted: preempt count 0, interrupts on"

    def event(self, state: Position, context: str) -> Event:
        """Return the event that whoever runs in `state` takes next, told of `context`."""
        top = state.interrupts[-1] if state.interrupts else REST
        move = self.system.move(state.current, top, state.shared)
        image = self.system.image
        outcome = move.outcome
        function = image.function_at(outcome.address)
        return Event(
            context,
            outcome.address,
            str(self.system.flows.machine.code[outcome.address]),
            function.name if function else "",
            image.source(outcome.address),
            self._accesses(state, outcome.touches),
            self._notes(move),
        )

    def _event(self, state: Position) -> None:
        top = state.interrupts[-1] if state.interrupts else REST
        move = self.system.move(state.current, top, state.shared)
        outcome = move.outcome
        if outcome.address != EXIT:
            self.rows.append(self.event(state, self._context()))
        if move.flow == REST and not outcome.fault:
            if self.stack:
                self._return()
            else:
                self._finish(self.system.after_event(state).current)

    def _return(self) -> None:
        name = self._context()
        self.stack.pop()
        self.rows.append(Turn("return", name, f"back to {self._below()}"))

    def _finish(self, task: int) -> None:
        assert self.current is not None
        self.rows.append(Turn("finish", self.current, ""))
        self.resting[self.current] = task
        self.finished, self.current = self.current, None

    def _notes(self, move: Move) -> tuple[str, ...]:
        said = {"check": "ctxrace_check({}) is false", "fails": "{}"}
        notes = [said.get(kind, kind + " {}").format(what) for kind, what in move.outcome.notes]
        return tuple([*notes, move.outcome.fault] if move.outcome.fault else notes)

    def _accesses(self, state: Position, touches: Sequence[Touch]) -> tuple[Access, ...]:
        # What a write replaced: memory before the step, with the step's own earlier writes.
        system = self.system
        shared = bytearray(system.shared.values[state.shared])
        own = bytearray(system.own.values[system.tasks.values[state.current].own])
        identity = system.identity(state.current)
        accesses = []
        for touch in touches:
            kind, at = system.layout.locate(touch.address, identity)
            blob = own if kind is RegionKind.OWN else shared
            before = None
            if touch.kind == "write":
                before = int.from_bytes(blob[at : at + touch.size], "little")
                blob[at : at + touch.size] = touch.value.to_bytes(touch.size, "little")
            symbol, offset, name = place_of(system, touch.address, touch.size, identity)
            accesses.append(Access(touch.kind, symbol, offset, touch.size, touch.value, before, name))
        return tuple(accesses)


def place_of(system: "KernelSystem", address: int, size: int, identity: int) -> tuple[str, int, str]:
    """Return symbol, offset in it, and spelling in C of `size` bytes at `address`, while `identity` is current."""
    kind, at = system.layout.locate(address, identity)
    if kind is RegionKind.OWN and at in PREEMPT_COUNT:
        return "current", at, "preempt_count"
    if kind is RegionKind.OWN and at < TASK_STRUCT_SIZE:
        return "current", at, f"current+{at:#x}"
    address = system.layout.symbol_address(address)
    symbol = system.image.object_at(address)
    if symbol is None:
        return "", 0, f"{address:#x}"
    offset = address - symbol.address
    return symbol.name, offset, system.image.place(symbol, offset, size)


def _outcome(system: "KernelSystem", run: Sequence[tuple[Any, Step]]) -> str:
    return "; ".join(_explain(system, run, broken) for broken in run[-1][1].broken)


def _explain(system: "KernelSystem", run: Sequence[tuple[Any, Step]], broken: Property) -> str:
    state: Position = run[-1][1].state
    match broken.kind:
        case "exclusive":
            times = system.monitor.activations(system, state, broken.subjects[0])
            return f"{broken.subjects[0]} is active {'twice' if times == 2 else f'{times} times'} on one CPU"
        case "balanced":
            return f"the CPU is idle, and {_difference(system, state.shared, broken.subjects[0])}"
        case "recovers":
            entry, body = broken.subjects
            return f"the CPU is idle, and one more undisturbed {entry} does not run {body}"
        case "progress":
            entry, body = broken.subjects
            return f"the CPU is idle again: {entry} was attempted, and {body} never ran"
        case "check":
            return "a ctxrace_check() is false"
        case "fault":
            return "what happens from here on is undefined"
        case _:
            return "the entry returns with another preempt count or interrupt mask than it began with"


def _difference(system: "KernelSystem", shared: int, variable: str) -> str:
    place = system.layout.variable(variable)
    first, now = (blob[place.start : place.stop] for blob in (system.layout.shared, system.shared.values[shared]))
    found: dict[str, None] = {}
    at = 0
    while at < len(now):
        if now[at] == first[at]:
            at += 1
            continue
        start, size, name = _piece_at(system, variable, at, len(now))
        value, was = (int.from_bytes(blob[start : start + size], "little") for blob in (now, first))
        found[f"{name} is {value}, not {was}"] = None
        at = start + size
    told = list(found)
    return " and ".join(told[:3]) + (f" and {len(told) - 3} more differ" if len(told) > 3 else "")


def _piece_at(system: "KernelSystem", variable: str, at: int, end: int) -> tuple[int, int, str]:
    """Return start, size and name of the smallest piece of `variable` around byte `at` that has a name in C."""
    for size in (1, 2, 4, 8):
        start = at - at % size
        name = system.image.place(variable, start, size)
        if "+" not in name and start + size <= end:
            return start, size, name
    return at, 1, f"byte {at} of {variable}"


def _column(name: str) -> tuple[int, str]:
    return len(name), name
