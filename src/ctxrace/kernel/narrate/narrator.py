"""Tell a run of the kernel as a reviewer would: who runs, which instruction, what it read and wrote."""

from collections.abc import Hashable, Iterable, Sequence
from typing import Any

from ctxrace.core.interleaving import Access, Event, Interleaving, Turn
from ctxrace.core.names import task_name
from ctxrace.core.property import Property
from ctxrace.core.schedule import Schedule, Stint
from ctxrace.core.system import Step
from ctxrace.kernel.model.layout import (
    MIGRATION_DISABLED,
    PREEMPT_COUNT,
    RUN_CONTEXT,
    SOFTIRQ_DISABLE_COUNT,
    TASK_STRUCT_SIZE,
)
from ctxrace.kernel.model.state import EVENT, REST, Arrive, Idle, KernelState, Move, Resume, Start, SwitchThereAndBack
from ctxrace.kernel.model.system import KernelSystem
from ctxrace.kernel.narrate.roster import Roster, column
from ctxrace.kernel.rules.contexts import Level, arrival_reason
from ctxrace.kernel.rules.preemption import Preemption
from ctxrace.kernel.rules.sleeping import BLOCKS
from ctxrace.machine.flow import EXIT
from ctxrace.machine.memory import RegionKind, Touch

__all__ = ["Narrator", "outcome_of", "place_of"]


class Narrator:
    """Tell a run step by step, and give each folded task a name that it keeps.

    A context is called as in a schedule: a task by its name, with its group where there are several (``A@1``), an
    interrupt by its level, with its entry where there are several (``nmi:entry``), ``^`` before one that is not
    accounted for, ``~`` before a task that begins and is preempted before its first event, the idle task ``idle``.
    """

    def __init__(self, system: KernelSystem, first: "Narrator | None" = None) -> None:
        """Tell what `system`'s CPU does; first: the narrator of the first CPU, where there are several."""
        self.system = system
        self.current: str | None = None  # the task that runs; None: the idle task
        self.stack: list[int] = []  # the handlers over it
        self.finished = ""  # the task that finished last
        # Of all CPUs:
        self.rows: list[Event | Turn] = first.rows if first else []
        self.stints: list[Stint] = first.stints if first else []
        self.waiting: Roster = first.waiting if first else Roster()  # preempted tasks
        self.resting: Roster = first.resting if first else Roster()  # tasks that have finished
        self.named: dict[str, int] = first.named if first else {}  # the group of each task that has a name
        self._suffix = f"/{system.cpu}" if system.scenario.cpus > 1 else ""

    def add(self, state: KernelState, step: Step) -> None:
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
            case SwitchThereAndBack():
                self._switch_there_and_back(step.label.task)
            case Idle():
                reason = self._put_aside(state)
                if self.system.scenario.cpus > 1:
                    reason += ", to be moved away"
                self.current, self.finished = None, ""
                self._turn("switch", "idle", reason)
            case Start():
                self._start(state, step.label.task)

    def running(self) -> str:
        """Return who runs, as a schedule calls it; empty: the idle task."""
        if self.stack:
            return self._handler(self.stack[-1])
        return self._spell(self.current, self.named[self.current]) if self.current else ""

    def runners(self) -> frozenset[str]:
        """Return who runs, as a schedule calls them."""
        return frozenset(filter(None, [self.running()]))

    def taker(self, label: Hashable) -> tuple[str, bool]:
        """Return who takes the step called `label`, as a schedule calls it, and whether it is an event."""
        return self.who(label), label == EVENT

    def who(self, label: Hashable) -> str:
        """Return who begins to run with the step called `label`, as a schedule calls it."""
        match label:
            case Arrive():
                return self._handler(label.handler)
            case Resume():
                name = self._waiting(label.task)
                return self._spell(name, self.named[name])
            case SwitchThereAndBack() | Start():
                group = self.system.tasks.values[label.task].group
                back = "~" if isinstance(label, SwitchThereAndBack) else ""
                return back + self._spell(self._name(label.task), group)
            case Idle():
                return f"idle{self._suffix}"
        return self.running()

    def interleaving(self, run: Sequence[tuple[KernelState, Step]]) -> Interleaving:
        """Return what was told of `run`."""
        outcome = outcome_of(self.system, run) if run and run[-1][1].broken else ""
        return self.told(outcome, sum(step.switches for _, step in run))

    def told(self, outcome: str, switches: int) -> Interleaving:
        """Return what was told, of all CPUs, as a run that ends in `outcome`."""
        contexts = _contexts_of(self.named, self.rows)
        schedule = str(Schedule(*self.system.fingerprints(), tuple(self.stints)))
        return Interleaving(contexts, tuple(self.rows), outcome, switches, schedule=schedule)

    def _spell(self, name: str, group: int) -> str:
        group_name = f"@{group}" if len(self.system.groups) > 2 else ""  # the last group is the idle task
        return f"{name}{group_name}{self._suffix}"

    def _handler(self, number: int) -> str:
        handler = self.system.handlers[number]
        alone = sum((h.level, h.window) == (handler.level, handler.window) for h in self.system.handlers) == 1
        name = str(handler.level) if alone else f"{handler.level}:{handler.entry}"
        return f"{'^' if handler.window else ''}{name}{self._suffix}"

    def _waiting(self, task: int) -> str:
        name = self.waiting.first(task)
        assert name is not None
        return name

    def _context(self) -> str:
        if self.stack:
            return f"{self.system.handlers[self.stack[-1]].level}{self._suffix}"
        return self.current or "idle"

    def _below(self) -> str:
        if self.stack:
            return self._context()
        return f"task {self.current}" if self.current else "the idle task"

    def _turn(self, kind: str, context: str, reason: str, notes: tuple[str, ...] = ()) -> None:
        place = f"on CPU {self.system.cpu}" if self.system.scenario.cpus > 1 else ""
        self.rows.append(Turn(kind, context, "; ".join(filter(None, [place, reason])), notes))

    def _arrive(self, state: KernelState, number: int) -> None:
        handler = self.system.handlers[number]
        name = f"{handler.level}{self._suffix}"
        arrivals = self.system.arrivals(state.current, state.top)
        move = next(move for label, _, _, move in arrivals if label.handler == number)
        window = ", the preempt count does not say so" if handler.window else ""
        reason = f"{arrival_reason(handler.level)}; over {self._below()}{window}, runs {handler.entry}"
        self._turn("arrival", name, reason, self._notes(move))
        self.stack.append(number)
        if move.flow == REST:
            self._return()

    def _switch(self, state: KernelState, task: int) -> None:
        reason = self._put_aside(state)
        came_from = self.system.tasks.values[task].cpu
        if came_from != self.system.cpu:
            reason += f"; it migrates from CPU {came_from}"
        name = self._waiting(task)
        self.waiting.take(name)
        self.current = name
        self._turn("switch", name, reason)

    def _start(self, state: KernelState, task: int) -> None:
        idle = self.current is None and not self.waiting
        kind = "start" if self.current is None else "switch"
        reason = "the CPU is idle" if idle else self._put_aside(state)
        group = self.system.tasks.values[task].group
        name = self._name(task)
        self.named[name] = group
        self.resting.take(name)
        self.current = name
        move = self.system.first_move(task, self.system.contexts.role_of_task(group))
        self._turn(kind, name, f"{reason}; runs {self.system.groups[group].entry}", self._notes(move))
        if move.flow == REST:
            self._finish(task)

    def _switch_there_and_back(self, task: int) -> None:
        group = self.system.tasks.values[task].group
        name = self._name(task)
        self.named[name] = group
        entry = self.system.groups[group].entry
        back = self.current or ""
        self._turn("switch", name, f"task {back} is preempted; begins {entry}")
        self._turn("switch", back, f"task {name} is preempted before its first event")

    def _name(self, task: int) -> str:
        """Return the name of the task that begins, which is at rest as number `task`."""
        group = self.system.tasks.values[task].group
        # Another attempt of the task that finished last, if there is one, rather than one of another task.
        known = self.resting.first(task, self.finished)
        if known is not None:
            return known
        softirqs = sum(self.system.groups[other].level is Level.SOFTIRQ for other in self.named.values())
        if self.system.groups[group].level is Level.SOFTIRQ:
            return f"softirq{softirqs + 1}" if softirqs else "softirq"
        return task_name(len(self.named) - softirqs)

    def _put_aside(self, state: KernelState) -> str:
        if self.current is None:
            return f"task {self.finished} has finished" if self.finished else "the CPU has nothing else to do"
        left = self.system.preempted(state.current)
        assert left is not None
        self.waiting.put(self.current, left)
        calls = self.system.contexts.calls_to_sleep(self.system.tasks.values[state.current].flow)
        if calls in BLOCKS:
            return f"task {self.current} sleeps, in {calls}()"
        if calls is not None and self.system.scenario.preemption in (Preemption.NONE, Preemption.VOLUNTARY):
            return f"task {self.current} is preempted in {calls}(): preempt count 0, interrupts on"
        return f"task {self.current} is preempted: preempt count 0, interrupts on"

    def event(self, state: KernelState, context: str) -> Event:
        """Return the event that whoever runs in `state` takes next, told of `context`."""
        move = self.system.move(state.current, state.top, state.shared)
        image, outcome = self.system.image, move.outcome
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

    def _event(self, state: KernelState) -> None:
        move = self.system.move(state.current, state.top, state.shared)
        if move.outcome.address != EXIT:
            self.rows.append(self.event(state, self._context()))
        if move.flow == REST and not move.outcome.fault:
            if self.stack:
                self._return()
            else:
                self._finish(self.system.after_event(state).current)

    def _return(self) -> None:
        name = self._context()
        self.stack.pop()
        self._turn("return", name, f"back to {self._below()}")

    def _finish(self, task: int) -> None:
        assert self.current is not None
        self._turn("finish", self.current, "")
        self.resting.put(self.current, task)
        self.finished, self.current = self.current, None

    def _notes(self, move: Move) -> tuple[str, ...]:
        said = {"check": "ctxrace_check({}) is false", "fails": "{}", "sleeps": "in {}()"}
        notes = [said.get(kind, kind + " {}").format(what) for kind, what in move.outcome.notes]
        return tuple([*notes, move.outcome.fault] if move.outcome.fault else notes)

    def _accesses(self, state: KernelState, touches: Sequence[Touch]) -> tuple[Access, ...]:
        system = self.system
        identity, order = system.identity(state.current), system.image.arch.byte_order
        accesses = []
        for touch, _, _, found, _ in system.contexts.contents(state, touches):
            before = int.from_bytes(found, order) if touch.kind == "write" else None
            symbol, offset, name = place_of(system, touch.address, touch.size, identity)
            accesses.append(Access(touch.kind, symbol, offset, touch.size, touch.value, before, name))
        return tuple(accesses)


def _contexts_of(tasks: Iterable[str], rows: Sequence[Event | Turn]) -> tuple[str, ...]:
    """Return the contexts of `rows` in column order: `tasks`, then interrupts by level, then the idle task."""
    named = sorted(tasks, key=column)
    levels = [str(level) for level in Level]
    others = {row.context for row in rows if row.context != "idle"}.difference(named)
    interrupts = sorted(others, key=lambda name: (levels.index(name.partition("/")[0]), name))
    return (*named, *interrupts, *(["idle"] if any(row.context == "idle" for row in rows) else []))


def place_of(system: KernelSystem, address: int, size: int, identity: int) -> tuple[str, int, str]:
    """Return symbol, offset in it, and spelling in C of `size` bytes at `address`, while `identity` is current."""
    kind, at = system.layout.locate(address, identity)
    if kind is RegionKind.OWN and at in PREEMPT_COUNT:
        return "current", at, "preempt_count"
    if kind is RegionKind.OWN and at in RUN_CONTEXT:
        return "current", at, "current->bpf_ctx"
    if kind is RegionKind.OWN and at in SOFTIRQ_DISABLE_COUNT:
        return "current", at, "current->softirq_disable_cnt"
    if kind is RegionKind.OWN and at in MIGRATION_DISABLED:
        return "current", at, "current->migration_disabled"
    if kind is RegionKind.OWN and at < TASK_STRUCT_SIZE:
        return "current", at, f"current+{at:#x}"
    address, cpu = system.layout.symbol_address(address)
    symbol = system.image.object_at(address)
    if symbol is None:
        return "", 0, f"{address:#x}"
    offset = address - symbol.address
    whose = "" if cpu is None or system.layout.cpus == 1 else f"CPU {cpu}'s "
    return symbol.name, offset, whose + system.image.place(symbol, offset, size)


def outcome_of(system: KernelSystem, run: Sequence[tuple[Any, Step]]) -> str:
    """Return what is true at the end of `run`, whose last step breaks something, as one sentence."""
    return "; ".join(_explain(system, run, broken) for broken in run[-1][1].broken)


def _explain(system: KernelSystem, run: Sequence[tuple[Any, Step]], broken: Property) -> str:
    state: KernelState = run[-1][1].state
    match broken.kind:
        case "exclusive":
            times = system.activations(state, broken.subjects[0])
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
        case "sleep":
            return _sleeps(system, run)
        case _:
            return (
                "the entry returns with another preempt count, interrupt mask, bpf_ctx, softirq_disable_cnt or "
                "migration_disabled than it began with"
            )


def _sleeps(system: KernelSystem, run: Sequence[tuple[Any, Step]]) -> str:
    state, _ = run[-1]
    move = system.move(state.current, state.top, state.shared)
    called = next(name for kind, name in move.outcome.notes if kind == "sleeps")
    mine = system.task_structs.values[move.task_struct]
    count, halves = system.layout.preempt_count(mine), system.layout.softirq_disable_count(mine)
    where = f"{called}() at preempt count {count:#x}" + (f", softirq_disable_cnt {halves:#x}" if halves else "")
    where += ", interrupts off" if move.outcome.masked else ""
    if called not in BLOCKS:
        return f"BUG: sleeping function called from invalid context: {where}"
    if count or move.outcome.masked:
        return f"BUG: scheduling while atomic: {where}"
    # kernel/rcu/tree_plugin.h, rcu_note_context_switch(): bottom halves that are off are a reader's section.
    return f"WARNING: voluntary context switch within RCU read-side critical section: {where}"


def _difference(system: KernelSystem, shared: int, variable: str) -> str:
    found: dict[str, None] = {}
    copies, order = system.layout.copies(variable), system.image.arch.byte_order
    for cpu, place in enumerate(copies):
        first, now = (blob[place.start : place.stop] for blob in (system.layout.shared, system.shared.values[shared]))
        whose = f"CPU {cpu}'s " if len(copies) > 1 else ""
        at = 0
        while at < len(now):
            if now[at] == first[at]:
                at += 1
                continue
            start, size, name = _piece_at(system, variable, at, len(now))
            value, was = (int.from_bytes(blob[start : start + size], order) for blob in (now, first))
            found[f"{whose}{name} is {value}, not {was}"] = None
            at = start + size
    told = list(found)
    return " and ".join(told[:3]) + (f" and {len(told) - 3} more differ" if len(told) > 3 else "")


def _piece_at(system: KernelSystem, variable: str, at: int, end: int) -> tuple[int, int, str]:
    """Return start, size and name of the smallest piece of `variable` around byte `at` that has a name in C."""
    for size in (1, 2, 4, 8):
        start = at - at % size
        name = system.image.place(variable, start, size)
        if "+" not in name and start + size <= end:
            return start, size, name
    return at, 1, f"byte {at} of {variable}"
