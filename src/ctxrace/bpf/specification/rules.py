"""Who may run where: the preemption models, and what an interrupt that is not accounted for yet may be cut in on by.

Sources: Linux v6.19 kernel/Kconfig.preempt, kernel/sched/core.c (`schedule`, `__cond_resched`, `might_resched`,
`dynamic_preempt_*`), include/linux/preempt.h, kernel/softirq.c.
"""

from collections.abc import Sequence
from enum import StrEnum

from ctxrace.bpf.specification.code import Line, cond_resched, might_sleep, schedule
from ctxrace.kernel.context import ACCOUNTING, Level, may_arrive, starts_masked

__all__ = ["RCTX", "Model", "may_arrive_over", "rctx_of", "where_it_gives_way"]


class Model(StrEnum):
    """When a task may lose the CPU to another task. Blocking in schedule() loses it under every model."""

    NONE = "none"  # where it blocks, and in cond_resched()
    VOLUNTARY = "voluntary"  # in might_sleep(), too
    FULL = "full"  # between any two events, while the preempt count is 0 and interrupts are on
    LAZY = "lazy"  # where full does; it differs in when the scheduler asks for the CPU, not in where it gets it
    RT = "rt"  # where full does; softirqs are tasks, one at a time on a CPU, and stay on it

    @property
    def preempts(self) -> bool:
        """Whether a task may lose the CPU wherever its preempt count is 0."""
        return self in (Model.FULL, Model.LAZY, Model.RT)


RCTX = {level: int(level) for level in Level}
"""What `interrupt_context_level()` returns in an interrupt of each level."""


def rctx_of(level: Level, model: Model) -> int:
    """Return what `interrupt_context_level()` returns in a context of `level` that is accounted for."""
    if model is Model.RT and level is Level.SOFTIRQ:
        # PREEMPT_RT counts softirqs in current->softirq_disable_cnt, and interrupt_context_level() reads only the
        # preempt count (include/linux/preempt.h): a softirq shares the tasks' byte there.
        return RCTX[Level.TASK]
    return RCTX[level]


def where_it_gives_way(lines: Sequence[Line], model: Model, *, fifo: bool) -> tuple[bool, ...]:
    """Return for each line whether, before it, another task may be switched in if the preempt count is 0.

    fifo: whether it is a real-time task of higher priority than all others: it gives way only where it blocks.
    """

    def gives_way(after: Line | None) -> bool:
        if after is schedule:
            return True
        asked = after is cond_resched or (after is might_sleep and model is Model.VOLUNTARY)
        return not fifo and (model.preempts or asked)

    return tuple(gives_way(after) for after in (None, *lines[:-1]))


def may_arrive_over(level: Level, over: Sequence[tuple[Level, bool]]) -> bool:
    """Return whether an interrupt of `level` may cut in on those that run, given as levels and whether they are early.

    One that the preempt count does not tell of yet, or any more, has interrupts off: of a hardirq or an NMI the
    hardware says so, and a softirq turns them on only after it has been accounted for (`handle_softirqs`).
    """
    return may_arrive(
        level,
        over[-1][0] if over else Level.TASK,
        interrupts_on=not any(early or starts_masked(below) for below, early in over),
        preempt_count=sum(ACCOUNTING[below] for below, early in over if not early),
    )
