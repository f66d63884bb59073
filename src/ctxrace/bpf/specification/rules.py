"""Who may run where: the preemption models, and what an interrupt that is not accounted for yet may be cut in on by.

Sources: Linux v6.19 kernel/Kconfig.preempt, kernel/sched/core.c (`schedule`, `__cond_resched`, `might_resched`,
`dynamic_preempt_*`), include/linux/preempt.h, kernel/softirq.c.
"""

from collections.abc import Sequence

from ctxrace.bpf.specification.code import Line, cond_resched, might_sleep, schedule
from ctxrace.kernel.rules.contexts import ACCOUNTING, Level, may_arrive, starts_masked
from ctxrace.kernel.rules.preemption import Preemption

__all__ = ["PREEMPTS", "RCTX", "at_once", "may_arrive_over", "rctx_of", "where_it_gives_way"]


PREEMPTS = frozenset({Preemption.FULL, Preemption.LAZY, Preemption.RT})
"""The models under which a task may lose the CPU wherever its preempt count is 0.

lazy differs from full in when the scheduler asks for the CPU, not in where it gets it. Under rt softirqs are tasks
that stay on their CPU. Under none and voluntary a task loses the CPU where it blocks, and in cond_resched(); under
voluntary in might_sleep(), too. Only the models' names are those of `ctxrace.kernel`; what they mean is said here once
more.
"""

RCTX = {level: int(level) for level in Level}
"""What `interrupt_context_level()` returns in an interrupt of each level."""


def rctx_of(level: Level, model: Preemption) -> int:
    """Return what `interrupt_context_level()` returns in a context of `level` that is accounted for."""
    if model is Preemption.RT and level is Level.SOFTIRQ:
        # PREEMPT_RT counts softirqs in current->softirq_disable_cnt, and interrupt_context_level() reads only the
        # preempt count (include/linux/preempt.h): a softirq shares the tasks' byte there.
        return RCTX[Level.TASK]
    return RCTX[level]


def at_once(level: Level, model: Preemption) -> int:
    """Return how many contexts of `level` there are on a CPU.

    On PREEMPT_RT ksoftirqd serves softirqs, and so does a task that preempts it and turns bottom halves on.
    """
    return 2 if model is Preemption.RT and level is Level.SOFTIRQ else 1


def where_it_gives_way(lines: Sequence[Line], model: Preemption, *, fifo: bool) -> tuple[bool, ...]:
    """Return for each line whether, before it, another task may be switched in if the preempt count is 0.

    fifo: whether it is a real-time task of higher priority than all others: it gives way only where it blocks.
    """

    def gives_way(after: Line | None) -> bool:
        if after is schedule:
            return True
        asked = after is cond_resched or (after is might_sleep and model is Preemption.VOLUNTARY)
        return not fifo and (model in PREEMPTS or asked)

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
