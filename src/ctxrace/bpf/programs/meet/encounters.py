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
    def preempts(self) -> bool:
        """Whether one of them may go on before the other has ended."""
        return any(self.rules.resumes)

    def allows(self, other: "Combination") -> bool:
        """Return whether everything that happens where they meet as `other` says may happen here, too."""
        return all(
            theirs is None or (mine is not None and mine.between and set(mine.counters) <= set(theirs.counters))
            for mine, theirs in zip(
                (*self.rules.arrivals, *self.rules.resumes), (*other.rules.arrivals, *other.rules.resumes), strict=True
            )
        )

    @property
    def certainty(self) -> Certainty:
        """How it is known that both run at these levels."""
        return self.encounters[0].certainty


def combinations(
    first: Placement, second: Placement, changed: tuple[frozenset[int], frozenset[int]], *, same_program: bool
) -> Iterator[Combination]:
    """Yield the levels at which two programs meet, those that are known first, each set of rules once.

    changed: of `PREEMPT_OFF` and `IRQ_OFF` those that each program changes. A counter that a program never changes
    keeps nobody away, so that a hard irq and an NMI do the same to it.
    """
    over = meeting(first, second, same_program=same_program)
    under = meeting(second, first, same_program=same_program)
    found = [_combination(under, each, changed) for each in over.encounters]
    known: set[tuple[Rules, bool]] = set()
    for each in sorted(found, key=lambda combination: -combination.certainty):
        if any(encounter.runs for encounter in each.encounters) and (each.rules, each.other_task) not in known:
            known.add((each.rules, each.other_task))
            yield each


def _combination(under: Meeting, each: Encounter, changed: tuple[frozenset[int], frozenset[int]]) -> Combination:
    back = next(other for other in under.encounters if (other.over, other.by) == (each.by, each.over))
    both = (each, back)
    arrivals = [_arrival(encounter, changed[side], encounter.runs) for side, encounter in enumerate(both)]
    resumes = [
        _arrival(encounter, changed[side], encounter.how in (How.PREEMPTS, How.AFTER_SLEEP))
        for side, encounter in enumerate(both)
    ]
    other_task = any(encounter.how in (How.PREEMPTS, How.AFTER_SLEEP) for encounter in both)
    rules = Rules((arrivals[0], arrivals[1]), (resumes[0], resumes[1]))
    return Combination((each.over, each.by), both, rules, other_task)


def _arrival(encounter: Encounter, changed: frozenset[int], allowed: bool) -> Arrival | None:
    if not allowed:
        return None
    if encounter.how is How.AFTER_SLEEP:
        return Arrival(asleep=True)
    if encounter.how is How.PREEMPTS:
        counters: tuple[int, ...] = (PREEMPT_OFF, IRQ_OFF)
    else:
        counters = () if encounter.by is Level.NMI else (IRQ_OFF,)
    return Arrival(between=True, counters=tuple(counter for counter in counters if counter in changed))
