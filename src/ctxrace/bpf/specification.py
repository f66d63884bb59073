"""BPF's recursion detection, executable: counters, enter, exit, trampoline, and who may cut in, in plain Python.

A program is attached to a function. Whoever calls that function, a task or an interrupt, makes an *attempt*: the
trampoline calls enter, runs the program's body if enter said ok, and calls exit in any case. Enter and exit keep
the CPU's `active` counters. A guard is how they do that: a few lines of C, each of them one event. Between two
events anybody may cut in whom the context rules allow to.

**Counting states.** The first line of enter begins the attempt, and the last line of exit ends it; for a handler
they are also its arrival and its return. A switch is part of the event after it. A refused attempt goes on with exit
at once. Variables that nobody will look at again are 0. Bytes wrap. Two bits remember what happened since the CPU
was last idle: whether body was entered, and whether an attempt began while another was in flight.

**The second judge.** This and the C files in ``guards/`` (`COMPILED` says which) share the context rules, the
search and nothing else. They agree on every verdict and on the length of every shortest interleaving. Their events
(arm64, clang -O2):

====================================  ==================================================================
here                                  machine code
====================================  ==================================================================
``tmp = active[rctx]``                one load, ``ldrb``, or ``ldr`` where it is an int
``active[rctx] = tmp + 1``            one store, ``strb`` or ``str``; the sum and the test of it are private
``ok = word(active) == ...``          one load, ``ldr``; the comparison is private
``preempt_disable()``, ``_enable()``  one store, ``str`` to preempt_count; whoever changes it between its load and
                                      that store puts it back, so that the load is private
``body()``                            ``ret``, which leaves it; what comes before the call enters it
``this_cpu_inc_return()``,            LSE: ``ldadd`` between the stores of a preempt_disable() and a
``this_cpu_dec()``                    preempt_enable(), 3 events. LL/SC: ``ldxr`` and ``stxr`` between them, 4,
                                      and 2 more for each time that an interrupt came between these two
the first line of an attempt          the start or the arrival, which is a transition without an event, and that line
the last line of an attempt           that line, and, below the highest level that has a handler, the return: one more
                                      transition without an event, before which that higher level may arrive
====================================  ==================================================================

So the two correspond event by event, but for the atomic guard, which has no interleaving whose length could be
compared: its properties hold.

``python -m ctxrace.bpf.specification`` prints what holds, and how many states there are.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from math import inf
from typing import NamedTuple

from ctxrace.bpf.narrate import narrate
from ctxrace.core.errors import ScenarioError
from ctxrace.core.interleaving import Interleaving
from ctxrace.core.property import Property
from ctxrace.core.system import Step
from ctxrace.explore.search import search
from ctxrace.kernel.context import ACCOUNTING, Level, Preemption, may_arrive, may_be_preempted, starts_masked

__all__ = ["BALANCED", "COMPILED", "EXCLUSIVE", "GUARDS", "INTERRUPTS", "PROGRESS", "RECOVERS", "Active", "Context",
           "Effect", "Guard", "Line", "Specification", "State", "trampoline"]  # fmt: skip

EXCLUSIVE = Property("exclusive", ("body",), "on one CPU, body is never active twice, nested or interleaved")
BALANCED = Property("balanced", ("active",), "whenever the CPU is idle, active has its initial value again")
RECOVERS = Property("recovers", ("attempt", "body"), "whenever the CPU is idle, one more undisturbed attempt runs body")
PROGRESS = Property(
    "progress", ("attempt", "body"), "between two idle moments with attempt in between, body ran at least once"
)

INTERRUPTS = (Level.SOFTIRQ, Level.HARDIRQ, Level.NMI)
NOBODY = -1


# What the code has at hand: the CPU's counters, and its own context.

Active = tuple[int, ...]
"""The CPU's counters: one byte for each context level, or one int for everybody."""


class Context(NamedTuple):
    """A task or an interrupt handler.

    at: the number of its next line, 0 if no attempt of it is in flight. left: the attempts that it may still begin.
    tmp, ok: its variables, 0 and False while nobody will look at them. off: the depth of preempt_disable().
    """

    at: int = 0
    left: float = inf
    tmp: int = 0
    ok: bool = False
    off: int = 0


Effect = Callable[[Active, int, Context], tuple[Active, Context]]
"""Counters, rctx and context before a line; counters and context after it. rctx: the context's own counter."""


class Line(NamedTuple):
    """A line of the code, which is one event.

    text: the line as C. do: its effect.
    touches: its accesses, for reports: ``read`` or ``write`` of the context's counter, ``word``, ``preempt_count``.
    """

    text: str
    touches: tuple[str, ...]
    do: Effect


def _line(text: str, *touches: str) -> Callable[[Effect], Line]:
    return lambda do: Line(text, touches, do)


def _put(active: Active, rctx: int, value: int) -> Active:
    wrapped = value % (1 << 8 if len(active) > 1 else 1 << 32)  # a byte, or an int
    return (*active[:rctx], wrapped, *active[rctx + 1 :])


# The lines of which guards are made.


@_line("tmp = active[rctx]", "read")
def load(active: Active, rctx: int, me: Context) -> tuple[Active, Context]:
    return active, me._replace(tmp=active[rctx])


@_line("active[rctx] = tmp + 1", "write")
def store_plus_1(active: Active, rctx: int, me: Context) -> tuple[Active, Context]:
    return _put(active, rctx, me.tmp + 1), me._replace(tmp=0)


@_line("active[rctx] = tmp + 1, ok = tmp + 1 == 1", "write")
def store_plus_1_and_test(active: Active, rctx: int, me: Context) -> tuple[Active, Context]:
    return _put(active, rctx, me.tmp + 1), me._replace(tmp=0, ok=me.tmp + 1 == 1)


@_line("active[rctx] = tmp - 1", "write")
def store_minus_1(active: Active, rctx: int, me: Context) -> tuple[Active, Context]:
    return _put(active, rctx, me.tmp - 1), me._replace(tmp=0)


@_line("ok = word(active) == BIT(8 * rctx)", "word")
def read_word(active: Active, rctx: int, me: Context) -> tuple[Active, Context]:
    return active, me._replace(ok=int.from_bytes(active, "little") == 1 << 8 * rctx)


@_line("ok = this_cpu_inc_return(active[rctx]) == 1", "read", "write")
def inc_return(active: Active, rctx: int, me: Context) -> tuple[Active, Context]:
    return _put(active, rctx, active[rctx] + 1), me._replace(ok=active[rctx] + 1 == 1)


@_line("this_cpu_dec(active[rctx])", "read", "write")
def dec(active: Active, rctx: int, me: Context) -> tuple[Active, Context]:
    return _put(active, rctx, active[rctx] - 1), me


@_line("preempt_disable()", "preempt_count")
def preempt_disable(active: Active, _: int, me: Context) -> tuple[Active, Context]:
    return active, me._replace(off=me.off + 1)


@_line("preempt_enable()", "preempt_count")
def preempt_enable(active: Active, _: int, me: Context) -> tuple[Active, Context]:
    return active, me._replace(off=me.off - 1)


@_line("body()")
def body(active: Active, _: int, me: Context) -> tuple[Active, Context]:
    return active, me


# The guards.


@dataclass(frozen=True)
class Guard:
    """How enter and exit keep the counters.

    counters: 4 bytes, one for each context level, or 1 int for everybody.
    always_exits: whether exit is also called after an enter that said no.
    attempts: how many each context makes, where going on would only count a byte round.
    """

    enter: tuple[Line, ...]
    exit: tuple[Line, ...]
    counters: int = len(Level)
    always_exits: bool = True
    attempts: float = inf

    def __str__(self) -> str:
        call = f"if (ok) {body.text}" if self.always_exits else f"if (!ok) return; {body.text}"
        parts = {"enter": [*map(self.spell, self.enter)], "trampoline": [call], "exit": [*map(self.spell, self.exit)]}
        rows = [("" if number else part, text) for part, texts in parts.items() for number, text in enumerate(texts)]
        return "\n".join(f"{part:12}{text}" for part, text in rows)

    def spell(self, line: Line, rctx: str = "rctx") -> str:
        """Return `line` as C. rctx: what to write for the context's level."""
        text = line.text if self.counters > 1 else line.text.replace("[rctx]", "")
        return text.replace("rctx", rctx)


GUARDS = {
    "atomic": Guard(enter=(inc_return,), exit=(dec,), counters=1),
    "v1": Guard(enter=(load, store_plus_1, read_word), exit=(load, store_minus_1)),
    "merged": Guard(
        enter=(preempt_disable, load, store_plus_1, read_word, preempt_enable),
        exit=(preempt_disable, load, store_minus_1, preempt_enable),
    ),
    "no-exit": Guard(
        enter=(preempt_disable, load, store_plus_1, read_word, preempt_enable),
        exit=(preempt_disable, load, store_minus_1, preempt_enable),
        always_exits=False,
        attempts=1,
    ),
    "plain-int": Guard(enter=(load, store_plus_1_and_test), exit=(load, store_minus_1), counters=1),
    "early-return": Guard(enter=(load, store_plus_1_and_test), exit=(load, store_minus_1), always_exits=False),
}
"""The guards in the order of their history in the thread; the last two are older than it."""

COMPILED = {
    "atomic": ("generic-lse", "generic-llsc"),
    "v1": ("arm64-v1",),
    "merged": ("arm64-merged",),
    "no-exit": ("no-exit",),
    "plain-int": ("plain-int",),
    "early-return": ("early-return",),
}
"""The C files of each guard."""


def trampoline(guard: Guard, at: int, ok: bool) -> int:
    """Return the line after number `at`: those of enter, the body if enter said `ok`, those of exit; at the end 0."""
    inside = len(guard.enter)
    end = inside + 1 + len(guard.exit)
    following = at + 1
    if following == inside and not ok:
        following = inside + 1 if guard.always_exits else end
    return following % end


# The CPU.


class State(NamedTuple):
    """The CPU between two events.

    active: its counters.
    contexts: the tasks, then the interrupt handlers by level. current: the task that ran last, while its attempt is
    in flight and switches are counted, else `NOBODY`: what may happen next does not hang on it.
    entered, overlapped: since the CPU was last idle, whether body was entered, whether attempts have overlapped.
    """

    active: Active
    contexts: tuple[Context, ...]
    current: int = NOBODY
    entered: bool = False
    overlapped: bool = False


class Specification:
    """One CPU on which tasks and interrupt handlers make attempts.

    guard: one of `GUARDS`. preemption: one of `Preemption`. interrupts: the levels that have a handler.
    attempts: how many each context makes, None for what the guard says.
    switches: whether they count: 1 where a task is preempted for another one, where a preempted task goes on, and
    where an interrupt arrives. If not, a state does not say which task ran last either.
    Raises `ScenarioError` for a guard or a preemption model that does not exist, and for too many tasks.
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
    ) -> None:
        for kind, name, known in (("guard", guard, list(GUARDS)), ("preemption model", preemption, list(Preemption))):
            if name not in known:
                raise ScenarioError(f"no {kind} {name!r}; the specification has: {', '.join(known)}")
        if not 1 <= tasks <= 26:
            raise ScenarioError(f"{tasks} tasks: the specification has 1 to 26, called A to Z")
        self.guard, self.preemption, self.switches = GUARDS[guard], Preemption(preemption), switches
        self.levels = (*[Level.TASK] * tasks, *sorted(interrupts))
        self.names = (*(chr(ord("A") + number) for number in range(tasks)), *map(str, sorted(interrupts)))
        self.tasks, self.handlers = range(tasks), range(tasks, len(self.levels))
        self.attempts = self.guard.attempts if attempts is None else attempts
        self.code = (*self.guard.enter, body, *self.guard.exit)
        self.body = len(self.guard.enter)
        self._recovers: dict[Active, bool] = {}

    def initial(self) -> State:
        """Return the idle CPU, all counters 0."""
        return State((0,) * self.guard.counters, (Context(left=self.attempts),) * len(self.levels))

    def steps(self, state: State) -> list[Step]:
        """Return the next event of everybody who may run now."""
        contexts = state.contexts
        running = [who for who in self.handlers if contexts[who].at][-1:] or self.runnable(contexts)
        arriving = [who for who in self.handlers if contexts[who].left and self.may_arrive(who, contexts)]
        return [self._step(state, who) for who in (*running, *arriving)]

    def narrate(self, run: Sequence[tuple[State, Step]]) -> Interleaving:
        """Tell `run` event by event."""
        return narrate(self, run)

    # Who may run.

    def runnable(self, contexts: Sequence[Context]) -> Sequence[int]:
        """Return the tasks that may run while there is no interrupt: the one that must not be preempted, or all."""
        for who in self.tasks:
            me = contexts[who]
            if me.at and not may_be_preempted(self.preemption, interrupts_on=True, preempt_count=me.off):
                return (who,)
        return [who for who in self.tasks if contexts[who].at or contexts[who].left]

    def may_arrive(self, who: int, contexts: Sequence[Context]) -> bool:
        """Return whether the handler `who` may cut in."""
        over = [self.levels[other] for other in self.handlers if contexts[other].at]
        return may_arrive(
            self.levels[who],
            over[-1] if over else Level.TASK,
            interrupts_on=not any(map(starts_masked, over)),
            preempt_count=sum(ACCOUNTING[level] for level in over),
        )

    # What an event does.

    def _step(self, state: State, who: int) -> Step:
        before = state.contexts
        me = before[who]
        active, after = self.act(state.active, who, me)
        contexts = (*before[:who], after, *before[who + 1 :])
        enters = after.at == self.body
        entered = state.entered or enters
        overlapped = state.overlapped or (me.at == 0 and any(other.at for other in before))
        switches, current = self._switch(state, who, after) if self.switches else (0, NOBODY)
        broken: list[Property] = []
        if enters and sum(context.at == self.body for context in contexts) > 1:
            broken = [EXCLUSIVE]
        if not any(context.at for context in contexts):
            broken = self._broken_when_idle(active, entered)
            entered = overlapped = False
        return Step(who, State(active, contexts, current, entered, overlapped), switches, 1, tuple(broken))

    def act(self, active: Active, who: int, me: Context) -> tuple[Active, Context]:
        """Return counters and context after the next event of `who`."""
        rctx = self.levels[who] if self.guard.counters > 1 else 0
        active, after = self.code[me.at].do(active, rctx, me)
        at = trampoline(self.guard, me.at, after.ok)
        return active, after._replace(at=at, ok=after.ok and at < self.body, left=me.left - (me.at == 0))

    def _switch(self, state: State, who: int, after: Context) -> tuple[int, int]:
        """Return what the change to `who` counts, and who is the current task after its event."""
        begins = state.contexts[who].at == 0
        if self.levels[who]:
            return int(begins), state.current
        changes = who != state.current and not (begins and state.current == NOBODY)
        return int(changes), who if after.at else NOBODY

    def _broken_when_idle(self, active: Active, entered: bool) -> list[Property]:
        holds = {BALANCED: not any(active), RECOVERS: self.recovers(active), PROGRESS: entered}
        return [broken for broken, held in holds.items() if not held]

    def recovers(self, active: Active) -> bool:
        """Return whether a task that is left alone with these counters runs the body."""
        if active not in self._recovers:
            counters, me = self.act(active, 0, Context())
            while 0 < me.at < self.body:
                counters, me = self.act(counters, 0, me)
            self._recovers[active] = me.at == self.body
        return self._recovers[active]


def main() -> None:
    """Print how many states there are, and what holds."""
    print("one attempt each, preemption full: states / transitions")
    for guard, (tasks, interrupts) in product(("atomic", "v1", "merged"), ((2, ()), (3, ()), (2, INTERRUPTS))):
        found = search(Specification(guard, "full", tasks, interrupts, attempts=1, switches=False), frozenset())
        over = ", ".join(map(str, interrupts)) or "no interrupts"
        print(f"  {guard:8}{tasks} tasks, {over:24}{found.states:>10,} /{found.transitions:>7,}")
    print("\nattempts without end (no-exit: one each), 2 tasks, softirq, hardirq, nmi")
    print("VIOLATED s/e: the shortest interleaving has s switches and e events\n")
    print(f"  {'guard':14}{'preemption':12}" + "".join(f"{p.kind:16}" for p in Specification.properties) + "states")
    for guard, preemption in product(GUARDS, Preemption):
        system = Specification(guard, preemption)
        found = search(system)
        cells = ["holds" if found.exhausted else "incomplete"] * len(system.properties)
        for number, wanted in enumerate(system.properties):
            if wanted in found.runs:
                told = system.narrate(found.runs[wanted])
                cells[number] = f"VIOLATED {told.switches}/{len(told.events)}"
        print(f"  {guard:14}{preemption:12}" + "".join(f"{cell:16}" for cell in cells) + f"{found.states:,}")


if __name__ == "__main__":
    main()
