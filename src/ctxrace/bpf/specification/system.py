"""CPUs on which tasks and interrupts make attempts: what may happen next, and what it does."""

from collections.abc import Sequence
from copy import copy
from functools import partial
from typing import NamedTuple

from ctxrace.bpf.specification.code import Active, Context, Line, schedule, this_cpu_ptr
from ctxrace.bpf.specification.guards import GUARDS, SELECTIONS, Attempt, attempt, trampoline
from ctxrace.bpf.specification.narrate import narrate
from ctxrace.bpf.specification.rules import at_once, may_arrive_over, rctx_of, where_it_gives_way
from ctxrace.core.errors import ScenarioError
from ctxrace.core.interleaving import Interleaving
from ctxrace.core.names import task_name
from ctxrace.core.property import Property
from ctxrace.core.system import Step
from ctxrace.kernel.rules.contexts import Level
from ctxrace.kernel.rules.preemption import Preemption

__all__ = ["BALANCED", "EXCLUSIVE", "INTERRUPTS", "NOBODY", "PROGRESS", "RECOVERS", "Choice", "Specification", "State"]

EXCLUSIVE = Property("exclusive", ("body",), "on one CPU, body is never active twice, nested or interleaved")
BALANCED = Property("balanced", ("active",), "whenever the CPU is idle, active has its initial value again")
RECOVERS = Property("recovers", ("attempt", "body"), "whenever the CPU is idle, one more undisturbed attempt runs body")
PROGRESS = Property(
    "progress", ("attempt", "body"), "between two idle moments with attempt in between, body ran at least once"
)

INTERRUPTS = (Level.SOFTIRQ, Level.HARDIRQ, Level.NMI)
NOBODY = -1
MANY = 1024  # tasks, folded: states are linear in their number, and so is each


class State(NamedTuple):
    """The CPUs between two events.

    active: their counters, one CPU's after the other's, and on each one program's after the other's.
    contexts: the tasks, then the interrupt handlers by level. current: for each CPU the task that ran last, while its
    attempt is in flight and switches are counted, else `NOBODY`: what may happen next does not hang on it.
    entered, overlapped: since the CPUs were last idle, the programs whose body was entered, a bit for each, and whether
    attempts have overlapped.
    """

    active: Active
    contexts: tuple[Context, ...]
    current: tuple[int, ...] = (NOBODY,)
    entered: int = 0
    overlapped: bool = False


class Choice(NamedTuple):
    """Who takes the next event, on which CPU; early: as an interrupt that the preempt count does not tell of.

    A step's label is this, or where only `who` is left to say, that number.
    """

    who: int
    cpu: int = 0
    early: bool = False


class Specification:
    """CPUs on which tasks and interrupt handlers make attempts.

    guard: one of `GUARDS` or `SELECTIONS`. preemption: one of `Preemption`. interrupts: the levels that have a handler.
    attempts: how many each context makes, None for what the guard says.
    switches: whether they count: 1 where a task is preempted for another one, where a preempted task goes on, and
    where an interrupt arrives. If not, a state does not say which task ran last either.
    sleepable: whether the program may sleep; it does, in the middle, in a task: `blocking` is how.
    rcu_preemptible: whether rcu_read_lock() leaves the preempt count alone.
    cpus: their number; each has handlers of its own. migrate_disable: whether enter calls it.
    fifo: how many tasks, the last ones, are never preempted by others.
    entry_window: whether the traced function may also be called before an interrupt is accounted for, or after.
    bits: the width of each counter, None for 8 bits of a byte and 32 of an int.
    recursive: whether the program calls the traced function. programs: how many are attached there.
    folded: whether tasks that stand at the same place count as one another; then switches are not counted.
    Raises `ScenarioError` for a guard or a preemption model that does not exist, and for impossible numbers.
    """

    properties = (EXCLUSIVE, BALANCED, RECOVERS, PROGRESS)

    def __init__(
        self,
        guard: str,
        preemption: str = "full",
        tasks: int = 2,
        interrupts: Sequence[Level] = INTERRUPTS,
        *,
        attempts: float | None = None,
        switches: bool = True,
        sleepable: bool = False,
        blocking: Line = schedule,
        rcu_preemptible: bool = True,
        cpus: int = 1,
        migrate_disable: bool = True,
        fifo: int = 0,
        entry_window: bool = False,
        bits: int | None = None,
        recursive: bool = False,
        programs: int = 1,
        folded: bool = False,
    ) -> None:
        _check(guard, preemption, tasks, cpus, programs, fifo, bits, folded)
        if guard in SELECTIONS:
            guard = "atomic" if SELECTIONS[guard](sleepable, rcu_preemptible) else "v1"
        made = partial(
            attempt,
            GUARDS[guard],
            sleepable=sleepable,
            rcu_preemptible=rcu_preemptible,
            pinned=migrate_disable,
            cpus=cpus,
            recursive=recursive,
            programs=programs,
        )
        runs_on = made()
        blocks = made((blocking,)) if sleepable else runs_on
        self.guard, self.preemption = runs_on.guard, Preemption(preemption)
        self.folded, self.switches = folded, switches and not folded
        self.alike = (range(tasks - fifo), range(tasks - fifo, tasks))
        self.cpus, self.programs, self.entry_window = range(cpus), range(programs), entry_window
        self.bits = bits if bits is not None else (8 if self.guard.counters > 1 else 32)
        most = [(level, n) for level in sorted(interrupts) for n in range(at_once(level, self.preemption))]
        homes = [(level, cpu, n) for level, n in most for cpu in self.cpus]
        self.levels = (*[Level.TASK] * tasks, *(level for level, _, _ in homes))
        self.home = (*[NOBODY] * tasks, *(cpu for _, cpu, _ in homes))  # where a context must stay
        self.names = (*map(task_name, range(tasks)), *(_name(level, n, cpu, cpus) for level, cpu, n in homes))
        self.rctx = tuple(rctx_of(level, self.preemption) if self.guard.counters > 1 else 0 for level in self.levels)
        threads = tasks + (self.levels.count(Level.SOFTIRQ) if self.preemption is Preemption.RT else 0)
        self.tasks, self.handlers = range(threads), range(threads, len(self.levels))
        self.handlers_of = tuple([who for who in self.handlers if self.home[who] == cpu] for cpu in self.cpus)
        self.attempts = self.guard.attempts if attempts is None else attempts
        self.code = tuple(blocks if level is Level.TASK else runs_on for level in self.levels)
        self.gives_way = tuple(
            where_it_gives_way(code.lines, self.preemption, fifo=tasks - fifo <= who < tasks)
            for who, code in enumerate(self.code)
        )
        self._pointer_lives = tuple(_pointer_lives(code) for code in self.code)
        self._recovers: dict[Active, bool] = {}

    def initial(self) -> State:
        """Return the idle CPUs, all counters 0."""
        counters = (0,) * self.guard.counters * len(self.programs) * len(self.cpus)
        return State(counters, (Context(left=self.attempts),) * len(self.levels), (NOBODY,) * len(self.cpus))

    def steps(self, state: State) -> list[Step]:
        """Return the next event of everybody who may run now."""
        contexts = state.contexts
        choices: list[Choice] = []
        for cpu in self.cpus:
            running = [who for who in self.handlers_of[cpu] if contexts[who].at][-1:] or self.runnable(contexts, cpu)
            if self.folded:
                running = list({contexts[who]: who for who in reversed(running)}.values())
            choices += [Choice(who, cpu) for who in running]
            for who in self.handlers_of[cpu]:
                if contexts[who].left and self.may_arrive(who, contexts, cpu):
                    choices += [Choice(who, cpu, early) for early in ((False, True) if self.entry_window else (False,))]
        return [self._step(state, choice) for choice in choices]

    def narrate(self, run: Sequence[tuple[State, Step]]) -> Interleaving:
        """Tell `run` event by event."""
        return narrate(*self.unfold(run)) if self.folded else narrate(self, run)

    # Who may run.

    def runnable(self, contexts: Sequence[Context], cpu: int = 0) -> Sequence[int]:
        """Return the tasks that may run on `cpu` while there is no interrupt: the one that must go on, or all."""
        for who in self.tasks:
            me = contexts[who]
            if me.at and me.cpu == cpu and not self.may_lose_the_cpu(who, me):
                return (who,)
        return [who for who in self.tasks if self._may_run(who, contexts[who], cpu)]

    def _may_run(self, who: int, me: Context, cpu: int) -> bool:
        if not me.at:
            return me.left > 0 and self.home[who] in (NOBODY, cpu)
        return me.cpu == cpu or (self.home[who] == NOBODY and not me.pinned and self.may_lose_the_cpu(who, me))

    def may_lose_the_cpu(self, who: int, me: Context) -> bool:
        """Return whether another task may be switched in before the next event of task `who`."""
        return me.off == 0 and self.gives_way[who][me.at]

    def may_arrive(self, who: int, contexts: Sequence[Context], cpu: int = 0) -> bool:
        """Return whether the handler `who` may cut in."""
        over = [(self.levels[other], contexts[other].early) for other in self.handlers_of[cpu] if contexts[other].at]
        return may_arrive_over(self.levels[who], over)

    # What an event does.

    def _step(self, state: State, choice: Choice) -> Step:
        who, cpu, early = choice
        before = state.contexts
        me = self.taking(state, choice)
        active, after, enters = self.act(state.active, who, me, self.rctx_now(before, who, me))
        contexts = (*before[:who], after, *before[who + 1 :])
        overlapped = state.overlapped or (me.at == 0 and any(other.at for other in before))
        switches, current = self._switch(state, who, cpu, after) if self.switches else (0, state.current)
        was_in = self.inside(who, me)
        program = self.code[who].program[after.at] if enters else was_in
        comes = enters or cpu != before[who].cpu  # into the body, or with it to this CPU
        broken: list[Property] = []
        if comes and program != NOBODY and ((enters and was_in != NOBODY) or self._is_in(program, before, who, cpu)):
            broken = [EXCLUSIVE]
        entered = state.entered | enters << max(program, 0)
        if not any(context.at for context in contexts):
            broken = self._broken_when_idle(active, entered)
            entered, overlapped = 0, False
        if self.folded:
            contexts = self.fold(contexts)
        label = choice if early or len(self.cpus) > 1 else who
        return Step(label, State(active, contexts, current, entered, overlapped), switches, 1, tuple(broken))

    def inside(self, who: int, context: Context) -> int:
        """Return the program whose body `context` of `who` has entered and not left, or `NOBODY`."""
        return self.code[who].active[context.at]

    def _is_in(self, program: int, contexts: Sequence[Context], but: int, cpu: int) -> bool:
        return any(
            other.cpu == cpu and who != but and self.inside(who, other) == program for who, other in enumerate(contexts)
        )

    def fold(self, contexts: tuple[Context, ...]) -> tuple[Context, ...]:
        """Return `contexts` with the tasks of each kind in order, so that it is the same whoever stands where."""
        ordered = [sorted(contexts[kind.start : kind.stop]) for kind in self.alike]
        return (*ordered[0], *ordered[1], *contexts[self.alike[1].stop :])

    def unfold(self, run: Sequence[tuple[State, Step]]) -> tuple["Specification", list[tuple[State, Step]]]:
        """Return the system in which tasks are told apart, and `run` in it."""
        plain = copy(self)
        plain.folded, plain.switches = False, True
        state, told = plain.initial(), []
        for before, step in run:
            choice = self.choice(step)
            me = before.contexts[choice.who]
            same = [kind for kind in self.alike if choice.who in kind]
            able = [who for kind in same for who in kind if state.contexts[who] == me] or [choice.who]
            who = next((who for who in state.current if who in able), able[0])
            told.append((state, plain._step(state, choice._replace(who=who))))
            state = told[-1][1].state
        return plain, told

    def choice(self, step: Step) -> Choice:
        """Return the choice that led to `step`."""
        if isinstance(step.label, Choice):
            return step.label
        assert isinstance(step.label, int)
        return Choice(step.label)

    def taking(self, state: State, choice: Choice) -> Context:
        """Return the context that takes the next event by `choice`, on the CPU where it does."""
        me = state.contexts[choice.who]
        return me._replace(cpu=choice.cpu, early=choice.early or me.early)

    def rctx_now(self, contexts: Sequence[Context], who: int, me: Context) -> int:
        """Return what interrupt_context_level() returns in `who`: the highest level that is accounted for."""
        if not me.early:
            return self.rctx[who]
        below = [it for it in self.handlers_of[me.cpu] if it < who and contexts[it].at and not contexts[it].early]
        return max((self.rctx[it] for it in below), default=0)

    def act(self, active: Active, who: int, me: Context, rctx: int) -> tuple[Active, Context, bool]:
        """Return counters and context after the next event of `who`, and whether it enters a body."""
        code = self.code[who]
        line = code.lines[me.at]
        first, end = self.counters(who, me)
        mine = active[first:end]
        counters, after = line.do(mine, rctx, me)
        if counters is not mine:
            wrapped = (value % (1 << self.bits) for value in counters)
            active = (*active[:first], *wrapped, *active[end:])
        ok = after.ok
        at = trampoline(code, me.at, ok)
        if not at:
            return active, Context(left=me.left - (me.at == 0)), False
        answered = at in code.answers
        after = after._replace(
            at=at,
            ok=after.ok and not answered,
            left=me.left - (me.at == 0),
            pointer=after.pointer if self._pointer_lives[who][at] else 0,
        )
        return active, after, answered and ok

    def counters(self, who: int, me: Context) -> tuple[int, int]:
        """Return where in the state the counters begin and end that the next line of `who` is about."""
        code = self.code[who]
        cpu = me.pointer if code.lines[me.at].through_pointer else me.cpu
        first = self.guard.counters * (cpu * len(self.programs) + code.program[me.at])
        return first, first + self.guard.counters

    def _switch(self, state: State, who: int, cpu: int, after: Context) -> tuple[int, tuple[int, ...]]:
        """Return what the change to `who` counts, and who are the current tasks after its event."""
        begins = state.contexts[who].at == 0
        if who in self.handlers:
            return int(begins), state.current
        there = state.current[cpu]
        changes = who != there and not (begins and there == NOBODY)
        current = [NOBODY if task == who else task for task in state.current]
        current[cpu] = who if after.at else NOBODY
        return int(changes), tuple(current)

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
        entered = {NOBODY}
        counters, me, _ = self.act(active, 0, Context(cpu=cpu), 0)
        while me.at:
            entered.add(self.inside(0, me))
            counters, me, _ = self.act(counters, 0, me, 0)
        return len(entered) == 1 + len(self.programs)


def _pointer_lives(code: Attempt) -> tuple[bool, ...]:
    """Return for each line whether `active` will still be looked at from there on."""

    def used(rest: Sequence[Line]) -> bool:
        looked = next((line for line in rest if line is this_cpu_ptr or line.through_pointer), None)
        return looked is not None and looked.through_pointer

    return tuple(used(code.lines[at:]) for at in range(len(code.lines)))


def _check(
    guard: str, preemption: str, tasks: int, cpus: int, programs: int, fifo: int, bits: int | None, folded: bool
) -> None:
    for kind, name, known in (
        ("guard", guard, [*GUARDS, *SELECTIONS]),
        ("preemption model", preemption, list(map(str, Preemption))),
    ):
        if name not in known:
            raise ScenarioError(f"no {kind} {name!r}; the specification has: {', '.join(known)}")
    if folded and not 1 <= tasks <= MANY:
        raise ScenarioError(f"{tasks} tasks: the specification has 1 to {MANY}, folded")
    if not folded and not 1 <= tasks <= 26:
        raise ScenarioError(f"{tasks} tasks: the specification has 1 to 26, called A to Z")
    if cpus < 1:
        raise ScenarioError(f"{cpus} CPUs: the specification has 1 or more")
    if programs < 1:
        raise ScenarioError(f"{programs} programs: the specification has 1 or more")
    if not 0 <= fifo <= tasks:
        raise ScenarioError(f"{fifo} real-time tasks of {tasks}: the specification has 0 to {tasks}")
    if bits is not None and not 1 <= bits <= 32:
        raise ScenarioError(f"counters of {bits} bits: the specification has 1 to 32")


def _name(level: Level, number: int, cpu: int, cpus: int) -> str:
    return f"{level}{number + 1 if number else ''}{f'@{cpu}' if cpus > 1 else ''}"
