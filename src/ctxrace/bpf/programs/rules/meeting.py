"""Whether one program may come over another on a CPU, and the rule that says so."""

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from ctxrace.bpf.programs.rules.kernel import PREEMPTIBLE
from ctxrace.bpf.programs.rules.kinds import Kind
from ctxrace.bpf.programs.rules.placement import Certainty, Placement
from ctxrace.bpf.programs.rules.row import Guard
from ctxrace.bpf.programs.rules.rule import Rule
from ctxrace.kernel.rules.contexts import Level
from ctxrace.kernel.rules.preemption import Preemption

__all__ = ["Encounter", "How", "Meeting", "Outcome", "meeting"]


class How(StrEnum):
    """How the second program gets the CPU from the first."""

    PREEMPTS = "preempts"  # another task is switched in, between any two instructions
    AFTER_SLEEP = "runs while the first sleeps"  # another task, only in a helper or kfunc that may sleep
    INTERRUPTS = "interrupts"
    NEVER = "never"


class Outcome(StrEnum):
    """What becomes of the second program, at the levels that are known or assumed, else at those that are possible."""

    RUNS = "runs"
    MISSED = "missed"
    APART = "apart"


@dataclass(frozen=True)
class Encounter:
    """The second program arrives at level `by` while the first is at level `over`.

    how: NEVER where `rule` keeps them apart. missed: the second finds the guard that the first has taken, and is
    skipped. certainty: how it is known that both run at these levels.
    """

    over: Level
    by: Level
    how: How
    rule: Rule
    missed: bool
    certainty: Certainty

    @property
    def runs(self) -> bool:
        """Whether the second program's instructions run between two of the first's."""
        return self.how is not How.NEVER and not self.missed


@dataclass(frozen=True)
class Meeting:
    """Every way in which the second program might come over the first. A guard that both take is `guard`.

    decisive: the encounter to name as the reason: one in which the second arrives, else what turns its arrival away.
    """

    first: Placement
    second: Placement
    guard: Guard
    encounters: tuple[Encounter, ...]
    decisive: Encounter

    @property
    def runs(self) -> tuple[Encounter, ...]:
        """Where the second runs between two instructions of the first: what mixes data."""
        return tuple(encounter for encounter in self.encounters if encounter.runs)

    @property
    def certainty(self) -> Certainty | None:
        """How it is known that the second may run over the first; None if it never does."""
        return max((encounter.certainty for encounter in self.runs), default=None)

    @property
    def missed(self) -> tuple[Encounter, ...]:
        """Where the second is skipped by the guard."""
        return tuple(encounter for encounter in self.encounters if encounter.missed)

    @property
    def outcome(self) -> Outcome:
        """What becomes of the second program."""
        if self.decisive.how is How.NEVER:
            return Outcome.APART
        return Outcome.MISSED if self.decisive.missed else Outcome.RUNS


_LEVELS_ALONE = frozenset({Rule.LOWER_LEVEL, Rule.SAME_LEVEL})


class _Circumstances(NamedTuple):
    """Which program can interrupt which follows from this: a part of a placement and its kernel."""

    contexts: tuple[Level, ...]
    possible: tuple[Level, ...]
    certainty: Certainty
    preemptible: bool
    guard_preemptible: bool
    guard_torn: bool
    bottom_halves_off: bool
    interrupts_off: bool
    sleepable: bool
    timer: bool
    preemption: Preemption
    softirq_lock: bool

    def certainty_at(self, level: Level) -> Certainty:
        return self.certainty if level in self.contexts else Certainty.POSSIBLE


def meeting(first: Placement, second: Placement, *, same_program: bool) -> Meeting:
    """Return how `second` may come over `first` on one CPU.

    same_program: both are invocations of one program. Does not cover what the first itself sets off: a hook inside a
    helper that it calls, a map operation that is traced.
    """
    guard = _common_guard(first, second, same_program=same_program)
    encounters, decisive = _encounters(_circumstances(first), _circumstances(second), guard is not Guard.NONE)
    return Meeting(first, second, guard, encounters, decisive)


def _circumstances(program: Placement) -> _Circumstances:
    return _Circumstances(
        program.contexts,
        program.possible,
        program.certainty,
        program.preemptible,
        program.guard_preemptible,
        program.guard_torn,
        program.bottom_halves_off,
        program.interrupts_off,
        program.sleepable,
        program.kind is Kind.TIMER,
        program.kernel.preemption,
        program.kernel.softirq_lock,
    )


def _common_guard(first: Placement, second: Placement, *, same_program: bool) -> Guard:
    """The guard that the second finds taken by the first."""
    if first.guard is not second.guard or (first.guard is Guard.PROG_ACTIVE and not same_program):
        return Guard.NONE
    return first.guard


@lru_cache(maxsize=1024)
def _encounters(
    first: _Circumstances, second: _Circumstances, guarded: bool
) -> tuple[tuple[Encounter, ...], Encounter]:  # fmt: skip
    """Every pair of levels, and which decides. guarded: the second finds the first's guard taken."""
    preemptible = first.guard_preemptible if guarded else first.preemptible
    found = []
    for over in (*first.contexts, *first.possible):
        for by in (*second.contexts, *second.possible):
            how, rule = _arrival(first, over, second, by, preemptible=preemptible)
            missed = guarded and how is not How.NEVER
            certainty = min(first.certainty_at(over), second.certainty_at(by))
            found.append(Encounter(over, by, how, rule, missed, certainty))
            if missed and how is How.PREEMPTS and first.guard_torn:  # both may read 0 and enter
                found.append(Encounter(over, by, how, Rule.GUARD_TORN, False, Certainty.POSSIBLE))
    return tuple(found), max(found, key=_weight)


def _weight(each: Encounter) -> tuple[bool, bool, Certainty]:
    """Return how much an encounter decides. Of several as certain, the first in the order of the levels does.

    One of two levels that never come over one another comes last, since it says nothing of the programs.
    """
    return each.how is not How.NEVER, each.rule not in _LEVELS_ALONE, each.certainty


def _arrival(
    first: _Circumstances, over: Level, second: _Circumstances, by: Level, *, preemptible: bool
) -> tuple[How, Rule]:
    """How a context at level `by` gets the CPU while `first` runs at level `over`."""
    if first.preemption is Preemption.RT and max(over, by) <= Level.SOFTIRQ:
        return _arrival_of_task(first, over, second, by, preemptible=preemptible)
    if by < over:
        return How.NEVER, Rule.LOWER_LEVEL
    if by is Level.TASK:
        return _arrival_of_task(first, over, second, by, preemptible=preemptible)
    if by == over:
        return How.NEVER, Rule.SAME_LEVEL
    if by is Level.NMI:
        return How.INTERRUPTS, Rule.NMI_OVER
    if first.interrupts_off:
        return How.NEVER, Rule.INTERRUPTS_OFF
    if by is Level.HARDIRQ:
        return How.INTERRUPTS, Rule.HARDIRQ_OVER
    if first.bottom_halves_off:
        return How.NEVER, Rule.BOTTOM_HALVES_OFF
    return How.INTERRUPTS, Rule.SOFTIRQ_OVER_TASK


def _arrival_of_task(
    first: _Circumstances, over: Level, second: _Circumstances, by: Level, *, preemptible: bool
) -> tuple[How, Rule]:
    """The same where both are tasks, as softirqs are on PREEMPT_RT."""
    if first.timer and second.timer:
        return How.NEVER, Rule.TIMER_LOCK
    if first.softirq_lock and _bottom_halves_off(first, over) and _bottom_halves_off(second, by):
        return How.NEVER, Rule.SOFTIRQ_LOCK
    if preemptible:
        return How.PREEMPTS, Rule.SOFTIRQ_IS_TASK if Level.SOFTIRQ in (over, by) else Rule.PREEMPTIBLE_TASK
    if first.sleepable and not first.interrupts_off:
        return How.AFTER_SLEEP, Rule.SLEEPABLE
    return How.NEVER, Rule.PREEMPTION_OFF if first.preemption in PREEMPTIBLE else Rule.NO_PREEMPTION


def _bottom_halves_off(program: _Circumstances, level: Level) -> bool:
    return program.bottom_halves_off or level is Level.SOFTIRQ
