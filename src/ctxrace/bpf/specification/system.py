"""One CPU on which tasks and interrupts make attempts: what may happen next, and what it does."""

from collections.abc import Sequence
from typing import NamedTuple

from ctxrace.bpf.specification.code import Active, Context
from ctxrace.bpf.specification.guards import Guard, attempt, guard_of, trampoline
from ctxrace.bpf.specification.rules import at_once, may_arrive_over, rctx_of, where_it_gives_way
from ctxrace.bpf.specification.setting import Callers, Kernel, Program
from ctxrace.core.names import task_name
from ctxrace.core.property import Property
from ctxrace.core.system import Step
from ctxrace.kernel.rules.contexts import Level
from ctxrace.kernel.rules.preemption import Preemption

__all__ = ["BALANCED", "EXCLUSIVE", "NONE", "PROGRESS", "RECOVERS", "Choice", "Specification", "State"]

EXCLUSIVE = Property("exclusive", ("body",), "on one CPU, body is never active twice, nested or interleaved")
BALANCED = Property("balanced", ("active",), "whenever the CPU is idle, active has its initial value again")
RECOVERS = Property("recovers", ("attempt", "body"), "whenever the CPU is idle, one more undisturbed attempt runs body")
PROGRESS = Property(
    "progress", ("attempt", "body"), "between two idle moments with attempt in between, body ran at least once"
)

NONE = -1
"""In the place of a task's or a program's number."""


class State(NamedTuple):
    """The CPU between two events.

    active: the counters of one program after the other's. contexts: the tasks, then the interrupt handlers by level.
    current: the task that ran last, while its attempt is in flight, else `NONE`; it tells which event is a switch.
    entered, overlapped: since the CPU was last idle, the programs whose body was entered, a bit for each, and whether
    attempts have overlapped.

    Several CPUs have their counters one after the other in `active`, and one current task each.
    """

    active: Active
    contexts: tuple[Context, ...]
    current: tuple[int, ...] = (NONE,)
    entered: int = 0
    overlapped: bool = False


class Choice(NamedTuple):
    """Which context takes the next event, on which CPU; early: as an interrupt that is not accounted for yet.

    A step's label is this, or the number `who` alone where that says everything.
    """

    who: int
    cpu: int = 0
    early: bool = False


class Specification:
    """One CPU on which tasks and interrupt handlers make attempts.

    guard: a name in `GUARDS` or `SELECTIONS`, or a guard. Raises `ScenarioError` for a guard that does not exist.
    """

    properties = (EXCLUSIVE, BALANCED, RECOVERS, PROGRESS)
    cpus = range(1)

    def __init__(
        self,
        guard: str | Guard,
        kernel: Kernel = Kernel(),  # noqa: B008 - a frozen value
        program: Program = Program(),  # noqa: B008
        callers: Callers = Callers(),  # noqa: B008
    ) -> None:
        kind = guard if isinstance(guard, Guard) else guard_of(guard, kernel, program)
        runs_on = attempt(kind, kernel, program)
        blocks = attempt(kind, kernel, program, (program.blocking,)) if program.sleepable else runs_on
        self.guard, self.preemption, self.callers = runs_on.guard, kernel.model, callers
        self.programs = range(program.count)
        self.cpus = range(kernel.cpus)
        handlers = [(level, n) for level in sorted(callers.interrupts) for n in range(at_once(level, kernel.model))]
        homes = [(level, cpu, n) for level, n in handlers for cpu in self.cpus]
        tasks = callers.tasks
        self.levels = (*[Level.TASK] * tasks, *(level for level, _, _ in homes))
        self.home = (*[NONE] * tasks, *(cpu for _, cpu, _ in homes))  # where a context must stay
        self.names = (*map(task_name, range(tasks)), *(_name(level, n, cpu, kernel.cpus) for level, cpu, n in homes))
        self.rctx = tuple(rctx_of(level, kernel.model) if self.guard.counters > 1 else 0 for level in self.levels)
        threads = tasks + (self.levels.count(Level.SOFTIRQ) if kernel.model is Preemption.RT else 0)
        self.tasks, self.handlers = range(threads), range(threads, len(self.levels))
        self.attempts = self.guard.attempts if callers.attempts is None else callers.attempts
        self.code = tuple(blocks if level is Level.TASK else runs_on for level in self.levels)
        self.gives_way = tuple(
            where_it_gives_way(code.lines, kernel.model, fifo=tasks - callers.fifo <= who < tasks)
            for who, code in enumerate(self.code)
        )
        self._recovers: dict[Active, bool] = {}

    def initial(self) -> State:
        """Return the idle CPU, all counters 0."""
        counters = (0,) * self.guard.counters * len(self.programs) * len(self.cpus)
        return State(counters, (Context(left=self.attempts),) * len(self.levels), (NONE,) * len(self.cpus))

    def steps(self, state: State) -> list[Step]:
        """Return the next event of each context that may run now."""
        return [self.step(state, choice) for choice in self.choices(state)]

    # Which context may run.

    def choices(self, state: State) -> list[Choice]:
        """Return who may take the next event: the handler that runs, or a task; and the interrupts that may arrive."""
        return self.choices_on(0, state.contexts)

    def choices_on(self, cpu: int, contexts: Sequence[Context]) -> list[Choice]:
        """Return the choices on one CPU."""
        handlers = self.handlers_of(cpu)
        running = [who for who in handlers if contexts[who].at][-1:] or self.runnable(contexts, cpu)
        arriving = [who for who in handlers if contexts[who].left and self.may_arrive(who, contexts, cpu)]
        accounted = (False, True) if self.callers.entry_window else (False,)
        return [
            *(Choice(who, cpu) for who in running),
            *(Choice(who, cpu, early) for who in arriving for early in accounted),
        ]

    def handlers_of(self, cpu: int) -> Sequence[int]:  # noqa: ARG002 - there is only one
        """Return the handlers of a CPU, lowest level first."""
        return self.handlers

    def runnable(self, contexts: Sequence[Context], cpu: int = 0) -> Sequence[int]:
        """Return the tasks that may run while there is no interrupt: the one that must go on, or all."""
        for who in self.tasks:
            me = contexts[who]
            if me.at and me.cpu == cpu and not self.may_lose_the_cpu(who, me):
                return (who,)
        return [who for who in self.tasks if self.may_run(who, contexts[who], cpu)]

    def may_run(self, who: int, me: Context, cpu: int) -> bool:  # noqa: ARG002 - there is only one CPU
        """Return whether the CPU may go to task `who`, if the task that has it may lose it."""
        return me.at > 0 or me.left > 0

    def may_lose_the_cpu(self, who: int, me: Context) -> bool:
        """Return whether another task may be switched in before the next event of task `who`."""
        return me.off == 0 and self.gives_way[who][me.at]

    def may_arrive(self, who: int, contexts: Sequence[Context], cpu: int = 0) -> bool:
        """Return whether the handler `who` may interrupt what runs."""
        over = [(self.levels[other], contexts[other].early) for other in self.handlers_of(cpu) if contexts[other].at]
        return may_arrive_over(self.levels[who], over)

    # What an event does.

    def step(self, state: State, choice: Choice) -> Step:
        """Return the event that `choice` takes."""
        who, cpu, _ = choice
        before, me = state.contexts, self.taking(state, choice)
        active, after, enters = self.act(state.active, who, me, self.rctx_now(before, who, me))
        contexts = (*before[:who], after, *before[who + 1 :])
        switches, current = self.switch(state, who, cpu, after)
        broken: list[Property] = []
        if self.active_twice(before, choice, after, enters=enters):
            broken = [EXCLUSIVE]
        program = self.code[who].program[after.at] if enters else NONE
        entered = state.entered | enters << max(program, 0)
        overlapped = state.overlapped or (me.at == 0 and any(other.at for other in before))
        if not any(context.at for context in contexts):
            broken = self._broken_when_idle(active, entered)
            entered, overlapped = 0, False
        now = State(active, contexts, current, entered, overlapped)
        return Step(self.label(choice), now, switches, 1, tuple(broken))

    def taking(self, state: State, choice: Choice) -> Context:
        """Return the context that takes the next event by `choice`, on the CPU where it does."""
        me = state.contexts[choice.who]
        return me._replace(cpu=choice.cpu, early=choice.early or me.early)

    def act(self, active: Active, who: int, me: Context, rctx: int) -> tuple[Active, Context, bool]:
        """Return counters and context after the next event of `who`, and whether it enters a body."""
        code = self.code[who]
        first, end = self.counters(who, me)
        mine = active[first:end]
        counters, after = code.lines[me.at].do(mine, rctx, me)
        if counters is not mine:
            active = (*active[:first], *(value % self.guard.values for value in counters), *active[end:])
        at = trampoline(code, me.at, after.ok)
        left = me.left - (me.at == 0)
        if not at:
            return active, Context(left=left), False
        answered = at in code.answers
        return active, after._replace(at=at, ok=after.ok and not answered, left=left), answered and after.ok

    def counters(self, who: int, me: Context) -> tuple[int, int]:
        """Return where in the state the counters begin and end that the next line of `who` is about."""
        first = self.guard.counters * self.code[who].program[me.at]
        return first, first + self.guard.counters

    def rctx_now(self, contexts: Sequence[Context], who: int, me: Context) -> int:
        """Return what interrupt_context_level() returns in `who`: the highest level that is accounted for."""
        if not me.early:
            return self.rctx[who]
        below = [it for it in self.handlers_of(me.cpu) if it < who and contexts[it].at and not contexts[it].early]
        return max((self.rctx[it] for it in below), default=0)

    def inside(self, who: int, context: Context) -> int:
        """Return the program whose body `context` of `who` has entered and not left, or `NONE`."""
        return self.code[who].active[context.at]

    def active_twice(self, contexts: Sequence[Context], choice: Choice, after: Context, *, enters: bool) -> bool:
        """Return whether the event of `choice`, after which its context is `after`, enters a body that is active."""
        if not enters:
            return False
        program = self.code[choice.who].program[after.at]
        was_inside = self.inside(choice.who, contexts[choice.who]) != NONE
        return was_inside or self.is_active(program, contexts, choice)

    def is_active(self, program: int, contexts: Sequence[Context], beside: Choice) -> bool:
        """Return whether a context other than `beside` is in the program's body on the same CPU."""
        return any(
            other.cpu == beside.cpu and who != beside.who and self.inside(who, other) == program
            for who, other in enumerate(contexts)
        )

    def switch(self, state: State, who: int, cpu: int, after: Context) -> tuple[int, tuple[int, ...]]:
        """Return how many switches the event of `who` counts as, and the current tasks after it."""
        begins = state.contexts[who].at == 0
        if who in self.handlers:
            return int(begins), state.current
        there = state.current[cpu]
        changes = who != there and not (begins and there == NONE)
        current = [NONE if task == who else task for task in state.current]
        current[cpu] = who if after.at else NONE
        return int(changes), tuple(current)

    def label(self, choice: Choice) -> Choice | int:
        """Return how a step is recognised again."""
        return choice if choice.early else choice.who

    def choice(self, step: Step) -> Choice:
        """Return the choice that led to `step`."""
        if isinstance(step.label, Choice):
            return step.label
        assert isinstance(step.label, int)
        return Choice(step.label)

    # What must hold when the CPU is idle.

    def _broken_when_idle(self, active: Active, entered: int) -> list[Property]:
        holds = {
            BALANCED: not any(active),
            RECOVERS: self.recovers(active),
            PROGRESS: entered == (1 << len(self.programs)) - 1,
        }
        return [broken for broken, held in holds.items() if not held]

    def recovers(self, active: Active) -> bool:
        """Return whether a task that is left alone with these counters runs every body, whatever its CPU."""
        if active not in self._recovers:
            self._recovers[active] = all(self._runs_bodies(active, cpu) for cpu in self.cpus)
        return self._recovers[active]

    def _runs_bodies(self, active: Active, cpu: int) -> bool:
        entered = {NONE}
        counters, me, _ = self.act(active, 0, Context(cpu=cpu), 0)
        while me.at:
            entered.add(self.inside(0, me))
            counters, me, _ = self.act(counters, 0, me, 0)
        return len(entered) == 1 + len(self.programs)


def _name(level: Level, number: int, cpu: int, cpus: int) -> str:
    return f"{level}{number + 1 if number else ''}{f'@{cpu}' if cpus > 1 else ''}"
