"""Where a task may lose the CPU to another task.

Sources: Linux v6.19 kernel/Kconfig.preempt, kernel/sched/core.c (`preempt_schedule_irq`), include/linux/kernel.h
(`might_resched`).
"""

from enum import StrEnum

from ctxrace.kernel.rules.sleeping import BLOCKS, Sleep

__all__ = ["Preemption", "Rcu", "may_be_preempted"]


class Preemption(StrEnum):
    """When a task may lose the CPU to another task."""

    NONE = "none"  # only where its code blocks, or calls cond_resched()
    VOLUNTARY = "voluntary"  # there, and where it calls might_sleep()
    FULL = "full"  # between any two steps, while the preempt count is 0 and interrupts are on
    LAZY = "lazy"  # as full: a task with a real-time priority does not wait for the tick that others wait for
    RT = "rt"  # as full, and softirqs are tasks


class Rcu(StrEnum):
    """Whether a reader of RCU may be preempted (CONFIG_PREEMPT_RCU, kernel/rcu/Kconfig)."""

    PREEMPTIBLE = "preemptible"
    NON_PREEMPTIBLE = "non-preemptible"


_RESCHEDULING_CALLS = {
    Preemption.NONE: (Sleep.COND_RESCHED,),
    Preemption.VOLUNTARY: (Sleep.COND_RESCHED, Sleep.MIGHT_SLEEP),
}
"""The calls at which the models that are not preemptible ask whether another task should run."""


def may_be_preempted(
    model: Preemption, *, interrupts_on: bool, preempt_count: int, calls: str | None = None, fifo: bool = False
) -> bool:
    """Return whether another task may be switched in before a task's next step.

    calls: the `Sleep` function that the task is about to run. fifo: whether the task has the highest real-time
    priority, so that no other task takes the CPU from it.
    """
    if not interrupts_on or preempt_count:
        return False
    if calls in BLOCKS:
        return True
    return not fifo and (model not in _RESCHEDULING_CALLS or calls in _RESCHEDULING_CALLS[model])
