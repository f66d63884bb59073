"""One CPU of a Linux kernel as a `System`: contexts, whose steps are machine code, under the context rules.

`contexts` takes a step of one context; here is which of them may run.
"""

from collections.abc import Hashable, Iterator, Sequence

from ctxrace.core.limits import spend
from ctxrace.core.property import Property
from ctxrace.core.system import Step
from ctxrace.kernel.model.contexts import Contexts, Running
from ctxrace.kernel.model.monitor import Monitor
from ctxrace.kernel.model.outcome import Outcome
from ctxrace.kernel.model.state import (
    CRASHED,
    EVENT,
    NO_FRAME,
    REST,
    UNLIMITED,
    Arrival,
    Arrive,
    Frame,
    Idle,
    KernelState,
    Move,
    Others,
    Resume,
    Start,
    Switch,
    SwitchThereAndBack,
    Taken,
    Task,
    made,
    with_task,
    without_task,
)
from ctxrace.kernel.properties.coverage import begins, finishes, runs
from ctxrace.kernel.properties.demands import watched
from ctxrace.kernel.properties.hang import HANG
from ctxrace.kernel.properties.invariants import CHECK, FAULT, RESTORED, SLEEP
from ctxrace.kernel.rules.contexts import Level, may_arrive
from ctxrace.kernel.rules.preemption import may_be_preempted
from ctxrace.machine.flow import EXIT
from ctxrace.machine.memory import RegionKind

__all__ = ["KernelSystem"]

_MOST_SWITCHES = 10_000  # that are known: with many tasks there are too many of them to keep all

class KernelSystem:
    """Explore what the contexts of one CPU may do, in every order that the context rules allow.

    monitor: judges the steps, those of all CPUs where there are several.
    """

    def __init__(self, contexts: Contexts, monitor: Monitor) -> None:
        self.contexts, self.monitor = contexts, monitor
        self.cpu, self.image, self.scenario = contexts.cpu, contexts.image, contexts.scenario
        self.layout, self.flows, self.groups = contexts.layout, contexts.flows, contexts.groups
        self.handlers, self.fresh, self.idle = contexts.handlers, contexts.fresh, contexts.idle
        self.shared, self.task_structs = contexts.shared, contexts.task_structs
        self.tasks, self.frames = contexts.tasks, contexts.frames
        self.first_move, self.identity = contexts.first_move, contexts.identity
        self._running: dict[tuple[int, int], Running] = {}
        self._left: dict[int, int | None] = {}
        self._known_switches: dict[tuple[int, int, Others], list[Switch]] = {}
        self._begins = [begins(group.entry) for group in self.groups]

    @property
    def properties(self) -> tuple[Property, ...]:
        """What the scenario demands, what every kernel demands, and what a check shows to happen."""
        found = (*self.scenario.properties, CHECK, FAULT, RESTORED, SLEEP, HANG, *self.coverage)
        hangs = not self.scenario.alone or HANG in self.scenario.properties
        return tuple(prop for prop in dict.fromkeys(found) if hangs or prop != HANG)

    @property
    def coverage(self) -> tuple[Property, ...]:
        """What should happen in some interleaving: each entry begins and returns, each watched function runs."""
        bodies = map(runs, watched(self.scenario.properties))
        done = map(finishes, self.scenario.entries)
        return tuple(dict.fromkeys([*bodies, *self._begins[:-1], *self.contexts.arrives, *done]))

    def initial(self) -> KernelState:
        """Return the idle CPU, with memory as the image has it."""
        limit = self.scenario.attempts
        arrivals = () if limit is None else (limit,) * len(self.handlers)
        return KernelState(self.shared(self.layout.shared), 0, self.idle, (), (), arrivals)

    def steps(self, state: KernelState) -> Sequence[Step]:
        """Return what may happen next: the running context's event, arrivals, switches to other tasks."""
        if state.shared == CRASHED:
            return ()
        current, interrupts = state.current, state.interrupts
        top = interrupts[-1] if interrupts else NO_FRAME
        running = self.running(current, top)
        steps = [self._event(state, self._next(running, state))] if running.takes_steps else []
        if not running.rests or self.may_idle(state):
            for arrival in self.arrivals(current, top) if running.arrivals is None else running.arrivals:
                if state.arrivals and not state.arrivals[arrival.label.handler]:
                    continue
                steps.append(self._arrive(state, arrival))
        if not interrupts:
            left = self.preempted(current)
            if left is not None:
                steps.extend(self._switches(state, left))
        return steps

    def fingerprints(self) -> tuple[str, str]:
        """Return what stands in schedules for the machine code, and for the scenario and how it is explored."""
        return self.contexts.fingerprints()

    @property
    def cpus(self) -> tuple["KernelSystem", ...]:
        """This one, as `SmpSystem` has several."""
        return (self,)

    # What the steps are.

    def running(self, current: int, top: int) -> Running:
        """Return the context that runs: the interrupt frame `top`, or the task `current` if there is none."""
        known = self._running.get((current, top))
        if known is None:
            known = self._running[current, top] = self.contexts.running(current, top)
        return known

    def _event(self, state: KernelState, taken: Taken) -> Step:
        shared, since_idle, _, others, interrupts, arrivals = state
        move, current, over, ended, events, writes = taken
        if writes:
            shared = self.contexts.written(shared, writes)
        if interrupts:
            interrupts = interrupts[:-1] + over
        elif ended:
            current, others = self._retire(current, others)
        shared = CRASHED if move.crashes else shared
        after = made(KernelState, (shared, since_idle, current, others, interrupts, arrivals))
        if ended or move.enters or move.broken:
            return self._step(EVENT, after, move, ended=ended, events=events)
        return made(Step, (EVENT, after, 0, events, (), ()))

    def after_event(self, state: KernelState) -> Taken:
        """Return what the running context's next event does, and the task and the frame after it."""
        return self._next(self.running(state.current, state.top), state)

    def _next(self, running: Running, state: KernelState) -> Taken:
        outcome = running.event(self.shared.values[state.shared])
        taken = running.taken.get(id(outcome))
        if taken is None:
            taken = running.taken[id(outcome)] = self._take(state.current, state.top, outcome)
        return taken

    def _take(self, current: int, top: int, outcome: Outcome) -> Taken:
        move = self.contexts.move(current, top, outcome)
        ended = move.flow == REST
        over: tuple[int, ...] = ()
        group, _, task_struct, _, attempts, cpu, elsewhere = task = self.tasks.values[current]
        if top == NO_FRAME:
            cpu = 0 if ended else cpu
            current = self.tasks(Task(group, move.flow, move.task_struct, not ended, attempts, cpu, elsewhere))
        elif move.task_struct != task_struct:
            current = self.tasks(task._replace(task_struct=move.task_struct))
        if top != NO_FRAME and not ended:
            _, began, run_context = self.frames.values[top]
            over = (self.frames(Frame(move.flow, began, run_context)),)
        events = 0 if outcome.address == EXIT else 1
        return Taken(move, current, over, ended, events, outcome.writes_to(RegionKind.SHARED))

    def _arrive(self, state: KernelState, arrival: Arrival) -> Step:
        shared, since_idle, _, others, interrupts, arrivals = state
        label, current, interrupted, over, attempted, move = arrival
        if interrupts:
            over = (*interrupts[:-1], interrupted, *over)
        if arrivals:
            arrivals = (*arrivals[: label.handler], arrivals[label.handler] - 1, *arrivals[label.handler + 1 :])
        shared = CRASHED if move.crashes else shared
        after = made(KernelState, (shared, since_idle | attempted, current, others, over, arrivals))
        return self._step(label, after, move, ended=move.flow == REST, switches=1, events=0)

    def _switches(self, state: KernelState, left: int) -> Iterator[Step]:
        """Yield the switches to other tasks, `left` being the current one as it is when it is switched away from."""
        shared, since_idle, current, others, _, arrivals = state
        key = (left, current, others)
        known = self._known_switches.get(key)
        if known is None:
            if len(self._known_switches) >= _MOST_SWITCHES:
                self._known_switches.clear()
            known = self._known_switches[key] = self._find_switches(*key)
        for label, task, rest, switches, attempted, move, came in known:
            if move is None:
                after = made(KernelState, (shared, since_idle, task, rest, (), arrivals))
                yield made(Step, (label, after, switches, 0, self._brings(after) if came else (), ()))
            else:
                memory = CRASHED if move.crashes else shared
                after = made(KernelState, (memory, since_idle | attempted, task, rest, (), arrivals))
                yield self._step(label, after, move, ended=move.flow == REST, switches=switches, events=0)

    def _find_switches(self, left: int, current: int, others: Others) -> list[Switch]:
        tasks, idle_group = self.tasks.values, len(self.groups) - 1
        preempts = left != self.idle and tasks[left].flow != REST
        waiting = others if left == self.idle else with_task(others, left)
        used = [0] * len(self.groups)
        for task, number in waiting:
            used[tasks[task].group] += number
        unused = [self.fresh[group] for group in range(idle_group) if used[group] < self.groups[group].size]
        startable = [task for task in unused if self.contexts.may_serve(task, waiting)]
        found = [switch for task in startable for switch in self._starts(task, waiting, preempts)]
        passing = [task for task in startable if self._may_pass(task)]
        for task, number in sorted(waiting, key=self.contexts.content) if len(waiting) > 1 else waiting:
            same = left == current and not self.contexts.everywhere  # going on as its like changes nothing but names
            if task == left and (same or number == 1) or tasks[task].group == idle_group:
                continue  # the task that runs already, or the idle task
            rest = without_task(waiting, task)
            if tasks[task].flow != REST:
                if self.may_run_here(task):
                    came = tasks[task].cpu != self.cpu
                    found.append(Switch(Resume(task), self.on_cpu(task), rest, 1, came=came))
            elif tasks[task].attempts and self.contexts.may_serve(task, waiting):
                found += self._starts(task, rest, preempts)
                passing += [task] if self._may_pass(task) else []
        if preempts and left != current and passing:
            # Somebody runs for a moment, without an event, and the exclusive monitor is cleared.
            found.append(Switch(SwitchThereAndBack(passing[0]), left, others, 2))
        if preempts and self.may_stop(left, waiting):
            found.append(Switch(Idle(), *self._to_idle(waiting), 1))
        return found

    def _brings(self, state: KernelState) -> tuple[Property, ...]:
        """Return what is broken because the current task has come from another CPU, with the bodies that it runs."""
        _, flow = self.flows.numbers.values[self.tasks.values[state.current].flow]
        return self.monitor.entered(self.contexts, state, tuple(active.function for active in flow.active))

    def _may_pass(self, task: int) -> bool:
        """Return whether a task at rest may begin its entry and lose the CPU before its first event."""
        group = self.tasks.values[task].group
        model, fifo = self.scenario.preemption, self.groups[group].fifo
        for role in self.contexts.roles_of_task(group):
            move = self.first_move(task, role)
            if move.flow == REST or move.crashes:
                continue
            calls = self.contexts.calls_to_sleep(move.flow)
            if may_be_preempted(model, interrupts_on=True, preempt_count=0, calls=calls, fifo=fifo):
                return True
        return False

    def _starts(self, task: int, others: Others, preempts: bool) -> Iterator[Switch]:
        group, attempts = self.tasks.values[task].group, self.tasks.values[task].attempts
        left = attempts if attempts == UNLIMITED else attempts - 1
        attempted = self.monitor.attempt(0, self.groups[group].entry)
        for role in self.contexts.roles_of_task(group):
            spend("beginning entries")
            move = self.first_move(task, role)
            move = move._replace(witnessed=(*move.witnessed, self._begins[group]))
            # An interrupt can tell a softirq that is a task from any other task, and that from the idle task.
            begun = bool(move.enters) or self.groups[group].level is not Level.TASK
            cpu = 0 if move.flow == REST else self.cpu
            started, rest = self.tasks(Task(group, move.flow, move.task_struct, begun, left, cpu)), others
            if move.flow == REST:
                started, rest = self._retire(started, others)
            yield Switch(Start(task, role.way), started, rest, int(preempts), attempted, move)

    def _step(
        self, label: Hashable, after: KernelState, move: Move, *, ended: bool, switches: int = 0, events: int = 1
    ) -> Step:
        """Return the step, after the monitor has seen who enters what and whether the CPU is idle again."""
        broken, witnessed = move.broken, move.witnessed
        if move.enters:
            after = after._replace(since_idle=self.monitor.run(after.since_idle, move.enters))
            broken += self.monitor.entered(self.contexts, after, move.enters)
        if after.shared == CRASHED:
            witnessed += (HANG,)  # nobody knows what comes after it
        elif ended and self.is_idle(after):
            broken += self.monitor.idle(self.contexts, after)
            witnessed += (HANG,)
            after = after._replace(since_idle=0)
        return made(Step, (label, after, switches, events, broken, witnessed))

    def arrivals(self, current: int, top: int) -> list[Arrival]:
        """Return the interrupts that may arrive over the context that runs, see `running`."""
        running = self.running(current, top)
        if running.arrivals is None:
            running.arrivals = self._find_arrivals(current, top)
        return running.arrivals

    def preempted(self, current: int) -> int | None:
        """Return the current task as it is when it is switched away from; None where that need not happen."""
        if current not in self._left:
            self._left[current] = self._leave(current)
        return self._left[current]

    def _find_arrivals(self, current: int, top: int) -> list[Arrival]:
        task = self.tasks.values[current]
        task = task._replace(begun=task.begun or self.contexts.tells)
        running = task.flow if top == NO_FRAME else self.frames.values[top].flow
        level, masked = Level.TASK, False
        if running != REST:
            role, state = self.flows.numbers.values[running]
            level, masked = role.level, not self.flows.machine.interrupts_enabled(state)
        count = self.layout.preempt_count(self.task_structs.values[task.task_struct])
        interrupted = top
        if top != NO_FRAME:
            interrupted = self.frames(self.frames.values[top]._replace(flow=self.flows.disarm(running)))
        elif running != REST:
            task = task._replace(flow=self.flows.disarm(running))
        found = []
        for number, handler in enumerate(self.handlers):
            if may_arrive(handler.level, level, interrupts_on=not masked, preempt_count=count):
                attempted = self.monitor.attempt(0, handler.entry)
                for way, over, move in self.contexts.first_frames(number, self.tasks(task)):
                    after = self.tasks(task._replace(task_struct=move.task_struct))
                    found.append(Arrival(Arrive(number, way), after, interrupted, over, attempted, move))
        return found

    def _leave(self, current: int) -> int | None:
        # A task that has not taken an event yet stays: to every other task it is as if it had not begun, so a task that
        # would preempt it might as well run first. One that has only to return stays, too, and does that first,
        # unless interrupts can tell whom they cut in on.
        task = self.tasks.values[current]
        flow = task.flow
        if flow == REST:
            return current
        _, state = self.flows.numbers.values[flow]
        if not self.contexts.everywhere and (not task.begun or (not self.contexts.tells and state.pc == EXIT)):
            return None
        machine = self.flows.machine
        if not may_be_preempted(
            self.scenario.preemption,
            interrupts_on=machine.interrupts_enabled(state),
            preempt_count=self.layout.preempt_count(self.task_structs.values[task.task_struct]),
            calls=self.contexts.calls_to_sleep(flow),
            fifo=self.groups[task.group].fifo,
        ):
            return None
        return self.tasks(task._replace(flow=self.flows.disarm(flow)))

    def _retire(self, task: int, others: Others) -> tuple[int, Others]:
        """Return the current task and the others after `task` has finished: the idle task takes over."""
        return self._to_idle(others if task in self.fresh else with_task(others, task))

    def _to_idle(self, others: Others) -> tuple[int, Others]:
        for other, _ in others:
            task = self.tasks.values[other]
            if task.group == len(self.groups) - 1 and task.cpu == self.cpu and not task.elsewhere:
                return other, without_task(others, other)
        return self.idle, others

    # What others ask.

    def is_idle(self, state: KernelState) -> bool:
        """Return whether no entry is in flight."""
        tasks = self.tasks.values
        return (
            not state.interrupts
            and tasks[state.current].flow == REST
            and all(tasks[task].flow == REST for task, _ in state.others)
        )

    def may_idle(self, state: KernelState) -> bool:
        """Return whether the idle task, which is current, may run: nobody else waits for this CPU."""
        tasks = self.tasks.values
        return all(self.contexts.sleeps(task) or tasks[task].cpu != self.cpu for task, _ in state.others)

    def may_stop(self, task: int, waiting: Others) -> bool:
        """Return whether the CPU may be left idle by `task`, one of `waiting`: all sleep, or it is moved away.

        What moves a running task is a stopper thread, which preempts it (kernel/sched/core.c, migration_cpu_stop).
        """
        if all(self.contexts.sleeps(other) for other, _ in waiting):
            return True
        task_struct = self.task_structs.values[self.tasks.values[task].task_struct]
        return self.scenario.cpus > 1 and self.layout.may_migrate(task_struct)

    def may_run_here(self, task: int) -> bool:
        """Return whether a preempted task may go on on this CPU."""
        where = self.tasks.values[task]
        return not where.elsewhere and (
            where.cpu == self.cpu or self.layout.may_migrate(self.task_structs.values[where.task_struct])
        )

    def on_cpu(self, task: int) -> int:
        """Return the task as it is when it runs on this CPU."""
        where = self.tasks.values[task]
        return task if where.cpu == self.cpu else self.tasks(where._replace(cpu=self.cpu))

    def activations(self, state: KernelState, body: str) -> int:
        """Return how often the function `body` is active on this CPU."""
        return self.monitor.activations(self.contexts, state, body)
