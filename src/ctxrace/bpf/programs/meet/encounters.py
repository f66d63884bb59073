"""How two programs may come over one another, for the search: the kernel's rules, turned into arrivals."""

from collections.abc import Iterator
from dataclasses import dataclass

from ctxrace.bpf.programs.follow.state import IRQ_OFF, PREEMPT_OFF
from ctxrace.bpf.programs.meet.system import Arrival, Rules
from ctxrace.bpf.programs.rules.meeting import Encounter, How, Meeting, meeting
from ctxrace.bpf.programs.rules.placement import Certainty, Placement
from ctxrace.kernel.rules.contexts import Level

__all__ = ["Combination", "combinations"]


@dataclass(frozen=True)
class Combination:
    """Two programs at two levels, where at least one of them may come over the other.

    levels: of the first and of the second program. encounters: the second over the first, the first over the second.
    """

    levels: tuple[Level, Level]
    encounters: tuple[Encounter, Encounter]
    rules: Rules
    other_task: bool

    @property
    def certainty(self) -> Certainty:
        """How it is known that both run at these levels."""
        return self.encounters[0].certainty


def combinations(first: Placement, second: Placement, *, same_program: bool) -> Iterator[Combination]:
    """Yield the levels at which two programs meet, those that are known first, each set of rules once."""
    over = meeting(first, second, same_program=same_program)
    under = meeting(second, first, same_program=same_program)
    found = [_combination(under, each) for each in over.encounters]
    known: set[tuple[Rules, bool]] = set()
    for each in sorted(found, key=lambda combination: -combination.certainty):
        if any(encounter.runs for encounter in each.encounters) and (each.rules, each.other_task) not in known:
            known.add((each.rules, each.other_task))
            yield each


def _combination(under: Meeting, each: Encounter) -> Combination:
    back = next(other for other in under.encounters if (other.over, other.by) == (each.by, each.over))
    both = (each, back)
    arrivals = tuple(_arrival(encounter, encounter.runs) for encounter in both)
    resumes = tuple(_arrival(encounter, encounter.how in (How.PREEMPTS, How.AFTER_SLEEP)) for encounter in both)
    other_task = any(encounter.how in (How.PREEMPTS, How.AFTER_SLEEP) for encounter in both)
    rules = Rules((arrivals[0], arrivals[1]), (resumes[0], resumes[1]))
    return Combination((each.over, each.by), both, rules, other_task)


def _arrival(encounter: Encounter, allowed: bool) -> Arrival | None:
    if not allowed:
        return None
    if encounter.how is How.AFTER_SLEEP:
        return Arrival(asleep=True)
    if encounter.how is How.PREEMPTS:
        return Arrival(between=True, counters=(PREEMPT_OFF, IRQ_OFF))
    return Arrival(between=True, counters=() if encounter.by is Level.NMI else (IRQ_OFF,))
