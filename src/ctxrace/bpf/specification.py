"""BPF's recursion detection, executable: counters, enter, exit, trampoline, and who may cut in, in plain Python.

A program is attached to a function. Whoever calls that function, a task or an interrupt, makes an *attempt*: the
trampoline calls enter, runs the program's body if enter said ok, and calls exit in any case. Enter and exit keep
the CPU's `active` counters. A guard is how they do that: a few lines of C, each an event. Between two events
anybody may cut in whom the context rules allow to.

This is the second judge of the C files in ``guards/``: no compiler, no machine code, the same verdicts and the same
shortest interleavings. How the events correspond (clang -O2, arm64; `COMPILED` says which file is which guard):

========================================  ================================================================
here                                      machine code
========================================  ================================================================
``tmp = active[rctx]``                    one load, ``ldrb`` (``ldr`` of an int)
``active[rctx] = tmp + 1``                one store, ``strb`` (``str``); the addition is private, so no event
``ok = word(active) == ...``              one load, ``ldr``; the comparison is private
``preempt_disable()``, ``.._enable()``    one store each, ``str`` to preempt_count; only its owner changes it, so
                                          that loading it before is no event
body                                      one event, the ``ret`` that leaves it; the event before the call enters it
``this_cpu_inc_return()``, ``_dec()``     LSE: ``str``, ``ldadd``, ``str``, the outer two being preempt_disable() and
                                          _enable() around it. LL/SC: ``str``, ``ldxr``, ``stxr``, ``str``, and
                                          ``ldxr``, ``stxr`` again for each time that somebody came between
skip, call, return                        none: private
an arrival, a start                       a transition of its own without an event; here part of the first event
a handler's or a task's return            where a higher level may arrive, one more transition without an event;
                                          here part of the last event
========================================  ================================================================

So every guard but the atomic one corresponds event by event, and its shortest interleavings have the same length.
The atomic one has 3 (LSE) or at least 4 (LL/SC) events where it has one here; all its properties hold, so it has
no shortest interleavings to be compared.

``python -m ctxrace.bpf.specification`` prints what holds and how many states there are.
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

__all__ = ["BALANCED", "COMPILED", "EXCLUSIVE", "GUARDS", "INTERRUPTS", "PROGRESS", "RECOVERS", "Action", "Active",
           "Context", "Guard", "Specification", "State", "trampoline"]  # fmt: skip

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
"""The CPU's counters: one int for everybody, or one byte for each context level."""


class Context(NamedTuple):
    """A task or an interrupt handler.

    at: the number of its next event, 0 if no attempt of it is in flight. left: the attempts that it may still begin.
    tmp, ok: its variables, 0 and False while nobody will look at them. off: the depth of preempt_disable().
    """

    at: int = 0
    left: float = inf
    tmp: int = 0
    ok: bool = False
    off: int = 0


class Action(NamedTuple):
    """One event. text: the event as C; touches: what it reads and writes; do: what it does to counters and context."""

    text: str
    touches: tuple[str, ...]
    do: "Do"


Do = Callable[[Active, int, Context], tuple[Active, Context]]


def _event(text: str, *touches: str) -> Callable[[Do], Action]:
    return lambda do: Action(text, touches, do)


def _put(active: Active, rctx: int, value: int) -> Active:
    wrapped = value % (1 << 8 if len(active) > 1 else 1 << 32)  # u8 or int
    return (*active[:rctx], wrapped, *active[rctx + 1 :])


# The events. rctx: interrupt_context_level(), the context's own counter; 0 where there is but one.


@_event("tmp = active[rctx]", "read")
def load(active: Active, rctx: int, me: Context) -> tuple[Active, Context]:  # noqa: D103
    return active, me._replace(tmp=active[rctx])


@_event("active[rctx] = tmp + 1", "write")
def store_plus_1(active: Active, rctx: int, me: Context) -> tuple[Active, Context]:
    return _put(active, rctx, me.tmp + 1), me._replace(tmp=0)


@_event("active[rctx] = tmp + 1; ok = tmp + 1 == 1", "write")
def store_plus_1_and_test(active: Active, rctx: int, me: Context) -> tuple[Active, Context]:
    return _put(active, rctx, me.tmp + 1), me._replace(tmp=0, ok=me.tmp + 1 == 1)


@_event("active[rctx] = tmp - 1", "write")
def store_minus_1(active: Active, rctx: int, me: Context) -> tuple[Active, Context]:
    return _put(active, rctx, me.tmp - 1), me._replace(tmp=0)


@_event("ok = word(active) == BIT(8 * rctx)", "word")
def read_word(active: Active, rctx: int, me: Context) -> tuple[Active, Context]:
    return active, me._replace(ok=active == tuple(int(level == rctx) for level in Level))


@_event("ok = this_cpu_inc_return(active) == 1", "read", "write")
def inc_return(active: Active, rctx: int, me: Context) -> tuple[Active, Context]:
    return _put(active, rctx, active[rctx] + 1), me._replace(ok=active[rctx] + 1 == 1)


@_event("this_cpu_dec(active)", "read", "write")
def dec(active: Active, rctx: int, me: Context) -> tuple[Active, Context]:
    return _put(active, rctx, active[rctx] - 1), me


@_event("preempt_disable()", "preempt_count")
def preempt_disable(active: Active, _: int, me: Context) -> tuple[Active, Context]:
    return active, me._replace(off=me.off + 1)


@_event("preempt_enable()", "preempt_count")
def preempt_enable(active: Active, _: int, me: Context) -> tuple[Active, Context]:
    return active, me._replace(off=me.off - 1)


@_event("body()")
def body(active: Active, _: int, me: Context) -> tuple[Active, Context]:
    return active, me


# The guards.


@dataclass(frozen=True)
class Guard:
    """How enter and exit keep the counters.

    counters: the bytes, one for each level, or 1: an int for everybody.
    always_exits: whether the trampoline calls exit after an enter that said no, too.
    attempts: how many each context makes, where counting on for ever would only count a byte round.
    """

    enter: tuple[Action, ...]
    exit: tuple[Action, ...]
    counters: int = len(Level)
    always_exits: bool = True
    attempts: float = inf

    def __str__(self) -> str:
        refused = "" if self.always_exits else "; else return"
        parts = [("enter", self.enter), (f"if ok{refused}", (body,)), ("exit", self.exit)]
        lines = [f"{name:20}{self.spell(action)}" for part, actions in parts
                 for name, action in zip([part, *[""] * len(actions)], actions, strict=False)]  # fmt: skip
        return "\n".join(lines)

    def spell(self, action: Action, rctx: str = "rctx") -> str:
        """Return `action` as C; rctx: what stands for the context's level."""
        return action.text.replace("[rctx]", "").replace("rctx", rctx) if self.counters == 1 else (
            action.text.replace("rctx", rctx))  # fmt: skip


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
    """Return which event follows number `at`: those of enter, the body if enter said `ok`, those of exit; then 0."""
    inside = len(guard.enter)
    end = inside + 1 + len(guard.exit)
    following = at + 1
    if following == inside and not ok:
        following = inside + 1 if guard.always_exits else end
    return following % end


# The CPU.


class State(NamedTuple):
    """The CPU between two events.

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
    """One CPU on which `tasks` tasks and the handlers of `interrupts` call the function that the program is attached to.

    attempts: how many each context makes, None for what the guard says. preemption: the kernel's model.
    switches: whether they count. If not, an interleaving is as long as its events, and a state does not say which
    task ran last. Raises `ScenarioError` for a guard or a preemption model that does not exist.
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
