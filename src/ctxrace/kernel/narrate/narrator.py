"""Tell a run of the kernel as a reviewer would: who runs, which instruction, what it read and wrote."""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import replace

from ctxrace.core.ending import Ending
from ctxrace.core.interleaving import Access, Event, Interleaving
from ctxrace.core.names import task_name
from ctxrace.core.note import Note, NoteKind
from ctxrace.core.schedule import Schedule, Stint
from ctxrace.core.system import Step
from ctxrace.core.turn import IDLE_TASK, Cause, Turn, TurnKind
from ctxrace.kernel.model.state import EVENT, REST, Arrive, Idle, KernelState, Move, Resume, Start, SwitchThereAndBack
from ctxrace.kernel.model.system import KernelSystem
from ctxrace.kernel.narrate.endings import endings_of
from ctxrace.kernel.narrate.places import access_of
from ctxrace.kernel.narrate.roster import Roster, column
from ctxrace.kernel.rules.contexts import Level, arrival_cause
from ctxrace.kernel.rules.preemption import Preemption
from ctxrace.kernel.rules.sleeping import BLOCKS
from ctxrace.machine.flow import EXIT
from ctxrace.machine.memory import Touch

__all__ = ["Narrator"]

_NOTES = {
    "enters": NoteKind.ENTERS,
    "leaves": NoteKind.LEAVES,
    "returns": NoteKind.RETURNS,
    "check": NoteKind.CHECK_FAILS,
    "fails": NoteKind.STORE_FAILS,
    "sleeps": NoteKind.SLEEPS,
}
"""What the machine notes."""


class Narrator:
    """Tell a run step by step, and give each symmetric task a name that it keeps.

    A context is called as in a schedule: a task by its name, with its group where there are several (``A@1``), an
    interrupt by its level, with its entry where there are several (``nmi:entry``), ``^`` before one that is not
    accounted for, ``~`` before a task that begins and is preempted before its first event, the idle task ``idle``.
    Where an entry may begin with several arguments, they stand behind it: ``A(2)``.
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
        self.suffix = f"/{system.cpu}" if system.scenario.cpus > 1 else ""

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
                self._arrive(state, step.label)
            case Resume():
                self._switch(state, step.label.task)
            case SwitchThereAndBack():
                self._switch_there_and_back(step.label.task)
            case Idle():
                aside = self._put_aside(state)
                self.current, self.finished = None, ""
                self._turn(replace(aside, kind=TurnKind.SWITCH, context=IDLE_TASK))
            case Start():
                self._start(state, step.label)

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
                given = self._arguments(self.system.handlers[label.handler].entry, label.way)
                return self._handler(label.handler) + _spelled(given)
            case Resume():
                name = self._waiting(label.task)
                return self._spell(name, self.named[name])
            case SwitchThereAndBack():
                return "~" + self._spell(self._name(label.task), self.system.tasks.values[label.task].group)
            case Start():
                group = self.system.tasks.values[label.task].group
                given = self._arguments(self.system.groups[group].entry, label.way)
                return self._spell(self._name(label.task), group) + _spelled(given)
            case Idle():
                return f"idle{self.suffix}"
        return self.running()

    def interleaving(self, run: Sequence[tuple[KernelState, Step]]) -> Interleaving:
        """Return `run` as an interleaving."""
        endings = endings_of(self.system, run, self.rows) if run and run[-1][1].broken else ()
        return self.ending_in(endings, sum(step.switches for _, step in run))

    def ending_in(self, endings: tuple[Ending, ...], switches: int) -> Interleaving:
        """Return the rows so far, of all CPUs, as an interleaving that ends in `endings`."""
        contexts = _contexts_of(self.named, self.rows)
        schedule = str(Schedule(*self.system.fingerprints(), tuple(self.stints)))
        return Interleaving(contexts, tuple(self.rows), endings, switches, schedule)

    def _spell(self, name: str, group: int) -> str:
        group_name = f"@{group}" if len(self.system.groups) > 2 else ""  # the last group is the idle task
        return f"{name}{group_name}{self.suffix}"

    def _handler(self, number: int) -> str:
        handler = self.system.handlers[number]
        alone = sum((h.level, h.window) == (handler.level, handler.window) for h in self.system.handlers) == 1
        name = str(handler.level) if alone else f"{handler.level}:{handler.entry}"
        return f"{'^' if handler.window else ''}{name}{self.suffix}"

    def _waiting(self, task: int) -> str:
        name = self.waiting.first(task)
        assert name is not None
        return name

    def _context(self) -> str:
        if self.stack:
            return f"{self.system.handlers[self.stack[-1]].level}{self.suffix}"
        return self.current or IDLE_TASK

    def _turn(self, turn: Turn) -> None:
        self.rows.append(replace(turn, cpu=self.system.cpu) if self.system.scenario.cpus > 1 else turn)

    def _arguments(self, entry: str, way: int) -> tuple[str, ...]:
        return self.system.image.starts_of(entry)[way].arguments

    def _arrive(self, state: KernelState, arrival: Arrive) -> None:
        number = arrival.handler
        handler = self.system.handlers[number]
        name = f"{handler.level}{self.suffix}"
        arrivals = self.system.arrivals(state.current, state.top)
        move = next(each.move for each in arrivals if each.label == arrival)
        turn = Turn(
            TurnKind.ARRIVAL,
            name,
            arrival_cause(handler.level),
            entry=handler.entry,
            arguments=self._arguments(handler.entry, arrival.way),
            below=self._context(),
            accounted=not handler.window,
            notes=self._notes(move),
        )
        self._turn(turn)
        self.stack.append(number)
        if move.flow == REST:
            self._return()

    def _switch(self, state: KernelState, task: int) -> None:
        aside = self._put_aside(state)
        came_from = self.system.tasks.values[task].cpu
        name = self._waiting(task)
        self.waiting.take(name)
        self.current = name
        moved = came_from if came_from != self.system.cpu else None
        self._turn(replace(aside, kind=TurnKind.SWITCH, context=name, came_from=moved))

    def _start(self, state: KernelState, start: Start) -> None:
        task = start.task
        idle = self.current is None and not self.waiting
        kind = TurnKind.START if self.current is None else TurnKind.SWITCH
        turn = Turn(kind, "", Cause.CPU_IDLE) if idle else self._put_aside(state)
        group = self.system.tasks.values[task].group
        name = self._name(task)
        self.named[name] = group
        self.resting.take(name)
        self.current = name
        move = self.system.first_move(task, self.system.contexts.roles_of_task(group)[start.way])
        entry = self.system.groups[group].entry
        given = self._arguments(entry, start.way)
        self._turn(replace(turn, kind=kind, context=name, entry=entry, arguments=given, notes=self._notes(move)))
        if move.flow == REST:
            self._finish(task)

    def _switch_there_and_back(self, task: int) -> None:
        group = self.system.tasks.values[task].group
        name = self._name(task)
        self.named[name] = group
        entry = self.system.groups[group].entry
        back = self.current or ""
        self._turn(Turn(TurnKind.SWITCH, name, Cause.PREEMPTED, back, entry=entry, first_event=False))
        self._turn(Turn(TurnKind.SWITCH, back, Cause.PREEMPTED_FIRST, name))

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

    def _put_aside(self, state: KernelState) -> Turn:
        """Let the current task wait, and return why another one may run: a turn that does not say yet which one."""
        if self.current is None:
            cause = Cause.FINISHED if self.finished else Cause.NOTHING_ELSE
            return Turn(TurnKind.SWITCH, "", cause, self.finished)
        left = self.system.preempted(state.current)
        assert left is not None
        self.waiting.put(self.current, left)
        calls = self.system.contexts.calls_to_sleep(self.system.tasks.values[state.current].flow)
        if calls in BLOCKS:
            return Turn(TurnKind.SWITCH, "", Cause.SLEEPS, self.current, str(calls))
        rescheduling = calls is not None and self.system.scenario.preemption in (Preemption.NONE, Preemption.VOLUNTARY)
        return Turn(TurnKind.SWITCH, "", Cause.PREEMPTED, self.current, str(calls) if rescheduling else "")

    def event(self, state: KernelState, context: str) -> Event:
        """Return the next event of the context that runs in `state`, under the name `context`."""
        move = self.system.after_event(state).move
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
        move = self.system.after_event(state).move
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
        self._turn(Turn(TurnKind.RETURN, name, below=self._context()))

    def _finish(self, task: int) -> None:
        assert self.current is not None
        self._turn(Turn(TurnKind.FINISH, self.current))
        self.resting.put(self.current, task)
        self.finished, self.current = self.current, None

    def _accesses(self, state: KernelState, touches: Sequence[Touch]) -> tuple[Access, ...]:
        identity = self.system.identity(state.current)
        contents = self.system.contexts.contents(state, touches)
        return tuple(access_of(self.system, touch, found, identity) for touch, _, _, found, _ in contents)

    def _notes(self, move: Move) -> tuple[Note, ...]:
        notes: list[Note] = []
        for kind, what in move.outcome.notes:
            if kind == "check at":  # follows the check
                source = self.system.image.source(int(what, 16)) if what else None
                notes[-1] = replace(notes[-1], source=source)
            else:
                notes.append(Note(_NOTES[kind], "" if kind == "fails" else what))
        return (*notes, Note(NoteKind.FAULTS, fault=move.outcome.fault)) if move.outcome.fault else tuple(notes)


def _spelled(arguments: tuple[str, ...]) -> str:
    return f"({','.join(arguments)})" if arguments else ""


def _contexts_of(tasks: Iterable[str], rows: Sequence[Event | Turn]) -> tuple[str, ...]:
    """Return the contexts of `rows` in column order: `tasks`, then interrupts by level, then the idle task."""
    named = sorted(tasks, key=column)
    levels = [str(level) for level in Level]
    others = {row.context for row in rows if row.context != IDLE_TASK}.difference(named)
    interrupts = sorted(others, key=lambda name: (levels.index(name.partition("/")[0]), name))
    return (*named, *interrupts, *([IDLE_TASK] if any(row.context == IDLE_TASK for row in rows) else []))
