"""The guards, and how a program's enter, body and exit are put together from one."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from math import inf

from ctxrace.bpf.specification.code import (
    Line,
    body,
    dec,
    inc_return,
    load,
    migrate_disable,
    migrate_enable,
    preempt_disable,
    preempt_enable,
    rcu_read_lock,
    rcu_read_unlock,
    read_word,
    store_minus_1,
    store_plus_1,
    store_plus_1_and_test,
    this_cpu_ptr,
)
from ctxrace.bpf.specification.setting import Kernel, Program
from ctxrace.core.errors import ScenarioError
from ctxrace.kernel.rules.contexts import Level

__all__ = ["COMPILED", "GUARDS", "SELECTIONS", "Attempt", "Guard", "attempt", "guard_of", "trampoline"]


@dataclass(frozen=True)
class Guard:
    """How enter and exit keep the counters.

    counters: 4 bytes, one for each context level, or 1 int for everybody.
    always_exits: whether exit is also called after an enter that said no.
    attempts: how many each context makes, where going on would only count a byte round.
    bits: the width of a counter, None for 8 bits of a byte and 32 of an int; a wider value wraps.
    """

    enter: tuple[Line, ...]
    exit: tuple[Line, ...]
    counters: int = len(Level)
    always_exits: bool = True
    attempts: float = inf
    bits: int | None = None

    @property
    def values(self) -> int:
        """How many values a counter has."""
        return 1 << (self.bits if self.bits is not None else 8 if self.counters > 1 else 32)

    def narrowed(self, bits: int) -> "Guard":
        """Return the guard with counters of `bits` bits; raise `ScenarioError` for a width that no C type has."""
        if not 1 <= bits <= 32:
            raise ScenarioError(f"counters of {bits} bits: the specification has 1 to 32")
        return replace(self, bits=bits)

    def __str__(self) -> str:
        call = f"if (ok) {body.text}" if self.always_exits else f"if (!ok) return; {body.text}"
        parts = {"enter": [*map(self.spell, self.enter)], "trampoline": [call], "exit": [*map(self.spell, self.exit)]}
        rows = [("" if number else part, text) for part, texts in parts.items() for number, text in enumerate(texts)]
        return "\n".join(f"{part:12}{text}" for part, text in rows)

    def spell(self, line: Line, rctx: str = "rctx") -> str:
        """Return `line` as C. rctx: what to write for the context's level."""
        text = line.text
        if self.counters == 1:
            text = text.replace("active[rctx]", "*active" if line.through_pointer else "active")
        return text.replace("rctx", rctx)


GUARDS = {
    "atomic": Guard(enter=(inc_return,), exit=(dec,), counters=1),
    "v1": Guard(enter=(this_cpu_ptr, load, store_plus_1, read_word), exit=(this_cpu_ptr, load, store_minus_1)),
    "merged": Guard(
        enter=(this_cpu_ptr, preempt_disable, load, store_plus_1, read_word, preempt_enable),
        exit=(this_cpu_ptr, preempt_disable, load, store_minus_1, preempt_enable),
    ),
    "no-exit": Guard(
        enter=(this_cpu_ptr, preempt_disable, load, store_plus_1, read_word, preempt_enable),
        exit=(this_cpu_ptr, preempt_disable, load, store_minus_1, preempt_enable),
        always_exits=False,
        attempts=1,
    ),
    "plain-int": Guard(
        enter=(this_cpu_ptr, load, store_plus_1_and_test), exit=(this_cpu_ptr, load, store_minus_1), counters=1
    ),
    "early-return": Guard(
        enter=(this_cpu_ptr, load, store_plus_1_and_test), exit=(this_cpu_ptr, load, store_minus_1), always_exits=False
    ),
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

SELECTIONS: dict[str, Callable[[bool, bool], bool]] = {
    "atomic-if-rcu-preemptible": lambda _, rcu_preemptible: rcu_preemptible,
    "atomic-if-sleepable": lambda sleepable, _: sleepable,
    "atomic-if-either": lambda sleepable, rcu_preemptible: sleepable or rcu_preemptible,
}
"""What the thread proposes instead of a new guard: whether to take the atomic, by (sleepable, RCU preemptible), or v1.

The last one is what the first two come to together.
"""


@dataclass(frozen=True)
class Attempt:
    """What a call of the traced function executes: the guard, what stands round it, and the program's body.

    before, after: what enter does before the guard's enter, and exit after the guard's exit.
    body: the lines of the program; the last event of enter enters it, its own last line leaves it.
    recursive: whether the program first calls the traced function itself, which is another enter and exit: a body
    that would be entered there is active twice, and what comes of that is not followed.
    programs: how many are attached, each with counters of its own; the trampoline calls one after the other.
    """

    guard: Guard
    before: tuple[Line, ...] = ()
    body: tuple[Line, ...] = (body,)
    after: tuple[Line, ...] = ()
    recursive: bool = False
    programs: int = 1

    @cached_property
    def one(self) -> tuple[tuple[str, Line], ...]:
        """The lines of one program, each with the name of the part it belongs to."""
        enter = [("enter", line) for line in (*self.before, *self.guard.enter)]
        # What was taken round the guard is given back in any case: the guard is on trial here, not RCU.
        exit_ = [("exit", line) for line in (*self.guard.exit, *self.after)]
        refused = exit_[0 if self.guard.always_exits else len(self.guard.exit) :]
        nested = [*enter, *refused] if self.recursive else []
        return (*enter, *nested, *(("body", line) for line in self.body), *exit_)

    @cached_property
    def lines(self) -> tuple[Line, ...]:
        """All lines in order."""
        return tuple(line for _, line in self.one) * self.programs

    @cached_property
    def inside(self) -> range:
        """The numbers, in a program, of the lines before which its body is active."""
        first = len(self.before) + len(self.guard.enter)
        return range(first, len(self.one) - len(self.guard.exit) - len(self.after))

    @cached_property
    def refused(self) -> int:
        """The number, in a program, of the line after an enter that said no."""
        return self.inside.stop + (0 if self.guard.always_exits else len(self.guard.exit))

    @cached_property
    def program(self) -> tuple[int, ...]:
        """The program of each line."""
        return tuple(at // len(self.one) for at in range(len(self.lines)))

    @cached_property
    def active(self) -> tuple[int, ...]:
        """The program whose body is active before each line, -1 for none."""
        return tuple(number if at % len(self.one) in self.inside else -1 for at, number in enumerate(self.program))

    @cached_property
    def answers(self) -> frozenset[int]:
        """The lines that have the answer of an enter before them: the first ones of bodies, and of nested exits."""
        each = {self.inside.start, 2 * self.inside.start} if self.recursive else {self.inside.start}
        return frozenset(at for at in range(len(self.lines)) if at % len(self.one) in each)


def trampoline(attempt: Attempt, at: int, ok: bool) -> int:
    """Return the line after number `at`: those of enter, the body if enter said `ok`, those of exit; at the end 0."""
    program, line = divmod(at, len(attempt.one))
    following = line + 1
    if following == attempt.inside.start and not ok:
        following = attempt.refused
    return (program * len(attempt.one) + following) % len(attempt.lines)


def guard_of(name: str, kernel: Kernel, program: Program) -> Guard:
    """Return the guard called `name`, or the one that the selection of that name takes for `program` in `kernel`.

    Raises `ScenarioError` for a name that is neither a guard's nor a selection's.
    """
    if name in SELECTIONS:
        name = "atomic" if SELECTIONS[name](program.sleepable, kernel.rcu_preemptible) else "v1"
    if name not in GUARDS:
        raise ScenarioError(f"no guard {name!r}; the specification has: {', '.join([*GUARDS, *SELECTIONS])}")
    return GUARDS[name]


def attempt(guard: Guard, kernel: Kernel, program: Program, inside: tuple[Line, ...] = ()) -> Attempt:
    """Return the attempt that runs `program` under `guard`; inside: what its body does before its last line.

    A program that must not sleep runs under rcu_read_lock_dont_migrate(), a sleepable one under rcu_read_lock_trace()
    and migrate_disable() (Linux v6.19 kernel/bpf/trampoline.c, include/linux/rcupdate.h). Where RCU is not preemptible
    the former takes the preempt count instead of migrate_disable(); rcu_read_lock_trace() restricts no context.
    """
    before: tuple[Line, ...] = (migrate_disable,) if kernel.migrate_disable else ()
    after: tuple[Line, ...] = (migrate_enable,) if kernel.migrate_disable else ()
    if not program.sleepable and not kernel.rcu_preemptible:
        before, after = (rcu_read_lock,), (rcu_read_unlock,)

    def events(lines: tuple[Line, ...]) -> tuple[Line, ...]:
        return tuple(line for line in lines if kernel.cpus > 1 or not line.across_cpus)

    kept = replace(guard, enter=events(guard.enter), exit=events(guard.exit))
    return Attempt(kept, events(before), (*inside, body), events(after), program.recursive, program.count)
