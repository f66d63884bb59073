"""One CPU of a Linux kernel as a `System`: contexts, whose steps are machine code, under the context rules.

What each number of a `Position` stands for is kept once, in an `Interner`, and what a context does next is looked
up by number.
"""

from collections.abc import Hashable, Sequence
from dataclasses import replace
from hashlib import sha256

from ctxrace.core.interleaving import Interleaving
from ctxrace.core.property import Property
from ctxrace.core.system import Step
from ctxrace.kernel.context import ACCOUNTING, Level, may_arrive, may_be_preempted
from ctxrace.kernel.flows import Flows, Interner, Outcome, Role
from ctxrace.kernel.layout import PREEMPT_COUNT, Layout
from ctxrace.kernel.monitor import CHECK, FAULT, RESTORED, Monitor
from ctxrace.kernel.narrate import narrate
from ctxrace.kernel.position import (
    CRASHED,
    EVENT,
    REST,
    UNLIMITED,
    Arrive,
    Frame,
    Glance,
    Group,
    Move,
    Position,
    Resume,
    Start,
    Taken,
    Task,
)
from ctxrace.kernel.scenario import CHECK_FUNCTION, Scenario
from ctxrace.machine.flow import EXIT, Machine
from ctxrace.machine.image import Image
from ctxrace.machine.memory import RegionKind

__all__ = ["KernelSystem"]


class KernelSystem:
    """Explore `scenario` on `image`.

    folded: whether tasks with the same entry count as one another. blind: whether interrupts cannot tell whom they
    cut in on. shared_stacks: whether stacks are memory that all can reach. Where the code turns out to be otherwise,
    exploring raises `IdentityEscapes`, `CurrentSeen` or `StackEscapes`.
    everywhere: whether tasks are preempted also before their first event and after their last.
    announced, announcing, results: see `Machine` and `Flows`.
    """

    def __init__(
        self,
        image: Image,
        scenario: Scenario,
        *,
        folded: bool = True,
        blind: bool = True,
        shared_stacks: bool = False,
        announced: tuple[str, ...] = (),
        announcing: frozenset[Level] = frozenset(),
        results: bool = False,
        everywhere: bool = False,
    ) -> None:
        self.image, self.scenario, self.folded, self.blind = image, scenario, folded, blind and folded
        self.monitor = Monitor(scenario)
        machine = Machine(image, scenario.entries, self.monitor.watched, CHECK_FUNCTION, announced, results)
        self.layout = Layout(image, scenario.task_count, shared_stacks)
        self.everywhere = everywhere
        highest = max((handler.level for handler in scenario.handlers), default=Level(int(everywhere)))
        identities = range(scenario.task_count + 1) if folded else range(0)
        self.flows = Flows(machine, self.layout, identities, highest, self.blind, announcing)
        self.groups = _group(scenario, self.layout, folded)
        self.shared: Interner[bytes] = Interner()
        self.own: Interner[bytes] = Interner()
        self.tasks: Interner[Task] = Interner()
        self.frames: Interner[Frame] = Interner()
        attempts = UNLIMITED if scenario.attempts is None else scenario.attempts
        self._fresh = [
            self.tasks(Task(number, REST, self.own(self._fresh_own(number)), False, attempts))
            for number in range(len(self.groups))
        ]
        self.idle = self._fresh[-1]
        self._taken: dict[tuple[int, int, int], Taken] = {}
        self._starts: dict[tuple[int, Role], Move] = {}
        self._arrivals: dict[tuple[int, int], list[tuple[Arrive, int, int, Move]]] = {}
        self._left: dict[int, int | None] = {}
        self.arrived: set[tuple[str, Level]] = set()
        self.finished: set[str] = set()

    @property
    def properties(self) -> tuple[Property, ...]:
        """What the scenario demands, and what every kernel demands."""
        return self.monitor.properties

    def initial(self) -> Position:
        """Return the idle CPU, with memory as the image has it."""
        limit = self.scenario.attempts
        arrivals = () if limit is None else (limit,) * len(self.scenario.handlers)
        return Position(self.shared(self.layout.shared), 0, self.idle, (), (), arrivals)

    def steps(self, state: Position) -> Sequence[Step]:
        """Return what may happen next: the running context's event, arrivals, switches to other tasks."""
        if state.shared == CRASHED:
            return ()
        current, interrupts = state.current, state.interrupts
        top = interrupts[-1] if interrupts else REST
        running = top != REST or self.tasks.values[current].flow != REST
        steps = []
        if running:
            steps.append(self._event(state))
        if running or self.is_idle(state):  # the idle task runs only where no other could
            for label, task, interrupted, move in self.arrivals(current, top):
                if not state.arrivals or state.arrivals[label.handler]:
                    steps.append(self._arrive(state, label, task, interrupted, move))
        if not interrupts:
            left = self.preempted(current)
            if left is not None:
                steps.extend(self._switches(state, left))
        return steps

    def narrate(self, run: Sequence[tuple[Position, Step]]) -> Interleaving:
        """Tell `run` with the instructions and source lines of the image."""
        return narrate(self, run)

    # What the steps are.

    def _event(self, state: Position) -> Step:
        _, since_idle, _, others, interrupts, arrivals = state
        move, current, over, ended, events = self.after_event(state)
        if interrupts:
            interrupts = interrupts[:-1] + over
        elif ended:
            current, others = self._retire(current, others)
        after = Position(move.shared, since_idle, current, others, interrupts, arrivals)
        if ended or move.enters:
            return self._step(EVENT, after, move, ended=ended, events=events)
        return Step(EVENT, after, 0, events, move.broken)

    def after_event(self, state: Position) -> Taken:
        """Return what the running context's next event does, and the task and the frame after it."""
        top = state.interrupts[-1] if state.interrupts else REST
        key = (state.current, top, state.shared)
        taken = self._taken.get(key)
        if taken is None:
            taken = self._taken[key] = self._take(*key)
        return taken

    def _take(self, current: int, top: int, shared: int) -> Taken:
        move = self.move(current, top, shared)
        group, flow, _, begun, left = self.tasks.values[current]
        ended = move.flow == REST
        over: tuple[int, ...] = ()
        if top == REST:
            flow, begun = move.flow, not ended
        elif not ended:
            over = (self.frames(Frame(move.flow, self.frames.values[top].preempt_count)),)
        task = self.tasks(Task(group, flow, move.own, begun, left))
        return Taken(move, task, over, ended, 0 if move.outcome.address == EXIT else 1)

    def _arrive(self, state: Position, label: Arrive, current: int, interrupted: int, move: Move) -> Step:
        shared, since_idle, _, others, interrupts, arrivals = state
        if interrupts:
            interrupts = (*interrupts[:-1], interrupted)
        if move.flow != REST:
            count = _preempt_count(self.own.values[self.tasks.values[current].own])
            interrupts = (*interrupts, self.frames(Frame(move.flow, count)))
        since_idle |= self.monitor.attempted[self.scenario.handlers[label.handler].entry]
        if arrivals:
            arrivals = (*arrivals[: label.handler], arrivals[label.handler] - 1, *arrivals[label.handler + 1 :])
        memory = CRASHED if move.shared == CRASHED else shared
        after = Position(memory, since_idle, current, others, interrupts, arrivals)
        return self._step(label, after, move, ended=move.flow == REST, switches=1, events=0)

    def _switches(self, state: Position, left: int) -> Sequence[Step]:
        """Return the switches to other tasks, `left` being the current one as it is when it is switched away from."""
        shared, since_idle, current, others, _, arrivals = state
        tasks, idle_group = self.tasks.values, len(self.groups) - 1
        preempts = left != self.idle and tasks[left].flow != REST
        waiting = others if left == self.idle else tuple(sorted((*others, left)))
        used = [0] * len(self.groups)
        for task in waiting:
            used[tasks[task].group] += 1
        startable = [self._fresh[group] for group in range(idle_group) if used[group] < self.groups[group].size]
        steps = [self._start(state, task, waiting, preempts) for task in startable]
        for task in dict.fromkeys(waiting):
            same = left == current and not self.everywhere  # going on as its like changes nothing but names
            if task == left and (same or waiting.count(task) == 1) or tasks[task].group == idle_group:
                continue  # whoever runs already, or the idle task, which no one switches to
            rest = _without(waiting, task)
            if tasks[task].flow != REST:
                steps.append(Step(Resume(task), Position(shared, since_idle, task, rest, (), arrivals), 1, 0))
            elif tasks[task].attempts:
                steps.append(self._start(state, task, rest, preempts))
        if preempts and left != current and startable:
            # Somebody runs for a moment, without an event, and the exclusive monitor is cleared.
            steps.append(Step(Glance(startable[0]), state._replace(current=left), 2, 0))
        return steps

    def _start(self, state: Position, task: int, others: tuple[int, ...], preempts: bool) -> Step:
        group, _, own, _, attempts = self.tasks.values[task]
        move = self.first_move(task, self.role_of_task(group))
        left = attempts if attempts == UNLIMITED else attempts - 1
        started = self.tasks(Task(group, move.flow, own, bool(move.enters), left))
        if move.flow == REST:
            started, others = self._retire(started, others)
        memory = CRASHED if move.shared == CRASHED else state.shared
        since_idle = state.since_idle | self.monitor.attempted[self.groups[group].entry]
        after = Position(memory, since_idle, started, others, (), state.arrivals)
        return self._step(Start(task), after, move, ended=move.flow == REST, switches=int(preempts), events=0)

    def _step(
        self, label: Hashable, after: Position, move: Move, *, ended: bool, switches: int = 0, events: int = 1
    ) -> Step:
        """Return the step, after the monitor has seen who enters what and whether the CPU is idle again."""
        broken = move.broken
        if move.enters:
            after = after._replace(since_idle=self.monitor.remember(after.since_idle, move.enters))
            broken += self.monitor.entered(self, after, move.enters)
        if ended and after.shared != CRASHED and self.is_idle(after):
            broken += self.monitor.idle(self, after)
            after = after._replace(since_idle=0)
        return Step(label, after, switches, events, broken)

    # What one context does by itself.

    def move(self, current: int, top: int, shared: int) -> Move:
        """Return what the next event does of the interrupt frame `top`, or of the task `current` if that is `REST`."""
        _, flow, own, _, _ = self.tasks.values[current]
        expected = 0
        if top != REST:
            flow, expected = self.frames.values[top]
        memory, mine = self.shared.values[shared], self.own.values[own]
        outcome = self.flows.step(flow, self.identity(current), memory, mine)
        role, _ = self.flows.numbers.values[flow]
        return self._conclude(role, outcome, memory, mine, expected)

    def first_move(self, task: int, role: Role) -> Move:
        """Return what beginning the role's entry does, up to its first event, while `task` is current."""
        key = (task, role)
        move = self._starts.get(key)
        if move is None:
            mine = self.own.values[self.tasks.values[task].own]
            outcome = self.flows.start(role, self.identity(task), self.layout.shared, mine)
            expected = _preempt_count(mine)
            move = self._starts[key] = self._conclude(role, outcome, self.layout.shared, mine, expected)
        return move

    def _conclude(self, role: Role, outcome: Outcome, memory: bytes, mine: bytes, expected: int) -> Move:
        """Return the move that `outcome` is, the accounting undone where it is an interrupt's last step."""
        broken: list[Property] = [CHECK for kind, _ in outcome.notes if kind == "check"][:1]
        mine = outcome.apply(mine, RegionKind.OWN)
        if outcome.fault:
            broken.append(FAULT)
        elif outcome.finished:
            self.finished.add(role.entry)
            if _preempt_count(mine) != expected or outcome.masked != (role.level >= Level.HARDIRQ):
                broken.append(RESTORED)
            mine = _with_preempt_count(mine, expected - ACCOUNTING.get(role.level, 0))
        enters = tuple(name for kind, name in outcome.notes if kind == "enters")
        crashed = FAULT in broken or RESTORED in broken
        shared = CRASHED if crashed else self.shared(outcome.apply(memory, RegionKind.SHARED))
        flow = REST if outcome.finished else outcome.flow
        return Move(flow, self.own(mine), shared, enters, tuple(broken), outcome)

    def arrivals(self, current: int, top: int) -> list[tuple[Arrive, int, int, Move]]:
        """Return the interrupts that may arrive: label, the current task, the frame cut in on, the first move."""
        found = self._arrivals.get((current, top))
        if found is None:
            found = self._arrivals[current, top] = self._find_arrivals(current, top)
        return found

    def preempted(self, current: int) -> int | None:
        """Return the current task as it is when it is switched away from; None where that need not happen."""
        if current not in self._left:
            self._left[current] = self._leave(current)
        return self._left[current]

    def _find_arrivals(self, current: int, top: int) -> list[tuple[Arrive, int, int, Move]]:
        group, flow, own, begun, left = self.tasks.values[current]
        begun |= not self.blind  # the interrupt may have seen who runs
        running = flow if top == REST else self.frames.values[top].flow
        over, masked = Level.TASK, False
        if running != REST:
            role, state = self.flows.numbers.values[running]
            over, masked = role.level, not self.flows.machine.interrupts_enabled(state)
        mine = self.own.values[own]
        count = _preempt_count(mine)
        interrupted = top
        if top != REST:
            interrupted = self.frames(self.frames.values[top]._replace(flow=self.flows.disarm(running)))
        elif running != REST:
            flow = self.flows.disarm(running)
        found = []
        for number, handler in enumerate(self.scenario.handlers):
            if not may_arrive(handler.level, over, interrupts_on=not masked, preempt_count=count):
                continue
            self.arrived.add((str(handler.level), over))
            accounted = self.own(_with_preempt_count(mine, count + ACCOUNTING[handler.level]))
            task = self.tasks(Task(group, flow, accounted, begun, left))
            move = self.first_move(task, Role(handler.level, handler.entry))
            after = task if move.flow != REST else self.tasks(Task(group, flow, move.own, begun, left))
            found.append((Arrive(number), after, interrupted, move))
        return found

    def _leave(self, current: int) -> int | None:
        # A task that has not taken an event yet stays: to every other task it is as if it had not begun, so whoever
        # would preempt it might as well run first. One that has only to return stays, too, and does that first,
        # unless interrupts can tell whom they cut in on.
        group, flow, own, begun, attempts = self.tasks.values[current]
        if flow == REST:
            return current
        _, state = self.flows.numbers.values[flow]
        count = _preempt_count(self.own.values[own])
        on = self.flows.machine.interrupts_enabled(state)
        model = self.scenario.preemption
        stays = not self.everywhere and (not begun or (self.blind and state.pc == EXIT))
        if stays or not may_be_preempted(model, interrupts_on=on, preempt_count=count):
            return None
        return self.tasks(Task(group, self.flows.disarm(flow), own, begun, attempts))

    def _retire(self, task: int, others: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
        """Return the current task and the others after `task` has finished: the idle task takes over."""
        if task not in self._fresh:
            others = tuple(sorted((*others, task)))
        for other in others:
            if self.tasks.values[other].group == len(self.groups) - 1:
                return other, _without(others, other)
        return self.idle, others

    # What others ask.

    def fingerprints(self) -> tuple[str, str]:
        """Return what stands in schedules for the machine code, and for the scenario and how it is explored."""
        # The section .ctxrace says the same as the scenario, and where the file lies.
        loaded = [section for section in self.image.sections if section.name != ".ctxrace"]
        code = b"".join(b"%x %s" % (section.address, section.data) for section in loaded)
        demands = replace(self.scenario, properties=())
        explored = (self.monitor.watched, self.folded, self.blind, self.layout.shared_stacks)
        scenario = repr((demands, explored)).encode()
        return sha256(code).hexdigest()[:8], sha256(scenario).hexdigest()[:8]

    def has_checks(self) -> bool:
        """Return whether any entry may reach a ctxrace_check()."""
        machine = self.flows.machine
        return any(machine.liveness.indirect or machine.liveness.reaches(address) for address in machine.checks)

    def role_of_task(self, group: int) -> Role:
        """Return the role of the tasks of `group`."""
        return Role(Level.TASK, self.groups[group].entry)

    def identity(self, task: int) -> int:
        """Return whose addresses task number `task` runs with."""
        return self.groups[self.tasks.values[task].group].identity

    def is_idle(self, state: Position) -> bool:
        """Return whether no entry is in flight."""
        tasks = self.tasks.values
        return (
            not state.interrupts
            and tasks[state.current].flow == REST
            and all(tasks[task].flow == REST for task in state.others)
        )

    @property
    def fresh(self) -> tuple[int, ...]:
        """The numbers of the tasks as they are at the start, one for each group."""
        return tuple(self._fresh)

    def flows_in(self, state: Position) -> list[int]:
        """Return the numbers of all flows in flight."""
        tasks = [self.tasks.values[task].flow for task in (state.current, *state.others)]
        return [f for f in (*tasks, *(self.frames.values[frame].flow for frame in state.interrupts)) if f != REST]

    def recovers(self, state: Position, entry: str, body: str) -> bool:
        """Return whether `entry`, begun on the idle CPU `state` and left alone, runs `body`, whoever begins it."""
        tasks = self.tasks.values
        used = [tasks[task].group for task in state.others]
        resting = [task for task in state.others if self.groups[tasks[task].group].entry == entry]
        resting += [
            self._fresh[number]
            for number, group in enumerate(self.groups[:-1])
            if group.entry == entry and used.count(number) < group.size
        ]
        begins = [(task, Role(Level.TASK, entry)) for task in resting]
        for handler in self.scenario.handlers:
            if handler.entry == entry:
                group, _, own, _, _ = tasks[state.current]
                mine = self.own.values[own]
                accounted = _with_preempt_count(mine, _preempt_count(mine) + ACCOUNTING[handler.level])
                begins.append((self.tasks(Task(group, REST, self.own(accounted))), Role(handler.level, entry)))
        return all(self._runs_undisturbed(task, role, state.shared, body) for task, role in begins)

    def _runs_undisturbed(self, task: int, role: Role, shared: int, body: str) -> bool:
        move = self.first_move(task, role)
        mine, seen = self.own.values[self.tasks.values[task].own], set()
        expected, memory = _preempt_count(mine), self.shared.values[shared]
        while body not in move.enters:
            where = (move.flow, move.own, memory)
            if move.flow == REST or where in seen:
                return False
            seen.add(where)
            mine = self.own.values[move.own]
            outcome = self.flows.step(move.flow, self.identity(task), memory, mine)
            memory = outcome.apply(memory, RegionKind.SHARED)
            move = self._conclude(role, outcome, memory, mine, expected)
        return True

    def _fresh_own(self, group: int) -> bytes:
        return self.layout.own(self.layout.idle if group == len(self.groups) - 1 else self.groups[group].identity)


def _group(scenario: Scenario, layout: Layout, folded: bool) -> list[Group]:
    groups = []
    identity = 0
    for tasks in scenario.tasks:
        if folded:
            groups.append(Group(tasks.count, tasks.entry, 0))
        else:
            groups.extend(Group(1, tasks.entry, identity + number) for number in range(tasks.count))
        identity += tasks.count
    # The idle task comes last. Interrupts over it see its task_struct; folded, they must not be able to tell.
    return [*groups, Group(1, "", 0 if folded else layout.idle)]


def _without(tasks: tuple[int, ...], task: int) -> tuple[int, ...]:
    at = tasks.index(task)
    return tasks[:at] + tasks[at + 1 :]


def _preempt_count(own: bytes) -> int:
    return int.from_bytes(own[PREEMPT_COUNT.start : PREEMPT_COUNT.start + 4], "little")


def _with_preempt_count(own: bytes, count: int) -> bytes:
    at = PREEMPT_COUNT.start
    return own[:at] + (count & 0xFFFF_FFFF).to_bytes(4, "little") + own[at + 4 :]
