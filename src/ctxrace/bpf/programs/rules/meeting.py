"""Whether one program may come over another on a CPU, and the rule that says so."""

from dataclasses import dataclass
from enum import StrEnum

from ctxrace.bpf.programs.rules.kinds import Kind
from ctxrace.bpf.programs.rules.placement import Certainty, Placement
from ctxrace.bpf.programs.rules.row import Guard
from ctxrace.bpf.programs.rules.rule import Rule
from ctxrace.kernel.rules.contexts import Level
from ctxrace.kernel.rules.preemption import Preemption

__all__ = ["Encounter", "How", "Meeting", "meeting"]


class How(StrEnum):
    """How the second program gets the CPU from the first."""

    PREEMPTS = "preempts"  # another task is switched in, between any two instructions
    AFTER_SLEEP = "runs while the first sleeps"  # another task, only in a helper or kfunc that may sleep
    INTERRUPTS = "interrupts"
    NEVER = "never"


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
    """Every way in which the second program might come over the first. A guard that both take is `guard`."""

    first: Placement
    second: Placement
    guard: Guard
    encounters: tuple[Encounter, ...]

    @property
    def runs(self) -> tuple[Encounter, ...]:
        """Where the second runs between two instructions of the first: what mixes data."""
        return tuple(encounter for encounter in self.encounters if encounter.runs)

    @property
    def missed(self) -> tuple[Encounter, ...]:
        """Where the second is skipped by the guard."""
        return tuple(encounter for encounter in self.encounters if encounter.missed)

    @property
    def kept_apart_by(self) -> tuple[Rule, ...]:
        """The rules by which the second never gets the CPU, each once, in the order of the levels."""
        return tuple(dict.fromkeys(encounter.rule for encounter in self.encounters if encounter.how is How.NEVER))

    @property
    def certainty(self) -> Certainty | None:
        """How it is known that the second may run over the first; None if it never does."""
        return max((encounter.certainty for encounter in self.runs), default=None)


def meeting(first: Placement, second: Placement, *, same_program: bool) -> Meeting:
    """Return how `second` may come over `first` on one CPU.

    same_program: both are invocations of one program. Does not cover what the first itself sets off: a hook inside a
    helper that it calls, a map operation that is traced.
    """
    guard = _common_guard(first, second, same_program=same_program)
    encounters = []
    for over in (*first.contexts, *first.possible):
        for by in (*second.contexts, *second.possible):
            how, rule = _arrival(first, over, second, by, preemptible=first.preemptible)
            missed = False
            if guard is not Guard.NONE:
                how, rule = _arrival(first, over, second, by, preemptible=first.guard_preemptible)
                missed = how is not How.NEVER
            certainty = min(first.certainty_at(over), second.certainty_at(by))
            encounters.append(Encounter(over, by, how, rule, missed, certainty))
    return Meeting(first, second, guard, tuple(encounters))


def _common_guard(first: Placement, second: Placement, *, same_program: bool) -> Guard:
    """The guard that the second finds taken by the first."""
    if first.guard is not second.guard or (first.guard is Guard.PROG_ACTIVE and not same_program):
        return Guard.NONE
    return first.guard


def _arrival(first: Placement, over: Level, second: Placement, by: Level, *, preemptible: bool) -> tuple[How, Rule]:
    """How a context at level `by` gets the CPU while `first` runs at level `over`."""
    kernel = first.kernel
    if kernel.preemption is Preemption.RT and max(over, by) <= Level.SOFTIRQ:
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
    first: Placement, over: Level, second: Placement, by: Level, *, preemptible: bool
) -> tuple[How, Rule]:
    """The same where both are tasks, as softirqs are on PREEMPT_RT."""
    if first.kind is second.kind is Kind.TIMER:
        return How.NEVER, Rule.TIMER_LOCK
    if first.kernel.softirq_lock and _bottom_halves_off(first, over) and _bottom_halves_off(second, by):
        return How.NEVER, Rule.SOFTIRQ_LOCK
    if preemptible:
        return How.PREEMPTS, Rule.SOFTIRQ_IS_TASK if Level.SOFTIRQ in (over, by) else Rule.PREEMPTIBLE_TASK
    if first.sleepable and not first.interrupts_off:
        return How.AFTER_SLEEP, Rule.SLEEPABLE
    return How.NEVER, Rule.PREEMPTION_OFF if first.kernel.preemptible else Rule.NO_PREEMPTION


def _bottom_halves_off(program: Placement, level: Level) -> bool:
    return program.bottom_halves_off or level is Level.SOFTIRQ
