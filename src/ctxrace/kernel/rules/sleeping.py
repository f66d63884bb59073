"""Which functions may sleep, and which contexts may call them.

Sources: Linux v6.19 kernel/sched/core.c (`__schedule_bug`, `__might_resched`), kernel/softirq.c
(`__local_bh_disable_ip`), kernel/locking/spinlock_rt.c.
"""

from enum import StrEnum

from ctxrace.kernel.rules.contexts import Level

__all__ = ["BLOCKS", "SLEEPING", "Sleep", "may_sleep"]


class Sleep(StrEnum):
    """The functions at which a task may give up the CPU. Only a context that is allowed to sleep may call them."""

    SCHEDULE = "schedule"
    COND_RESCHED = "cond_resched"
    MIGHT_SLEEP = "might_sleep"
    SCHEDULE_RTLOCK = "schedule_rtlock"  # waiting for a local_lock() of PREEMPT_RT
    RTLOCK_MIGHT_RESCHED = "rtlock_might_resched"  # taking one


SLEEPING = {**{name.value: name for name in Sleep}, "__cond_resched": Sleep.COND_RESCHED}
"""What each function's symbol stands for: a kernel's own cond_resched() ends there (kernel/sched/core.c)."""

RTLOCKS = frozenset({Sleep.SCHEDULE_RTLOCK, Sleep.RTLOCK_MIGHT_RESCHED})
"""What is allowed with bottom halves off, too (kernel/locking/spinlock_rt.c)."""

BLOCKS = frozenset({Sleep.SCHEDULE, Sleep.SCHEDULE_RTLOCK})
"""The calls at which a task gives up the CPU even if no other task wants it."""


def may_sleep(
    level: Level, *, calls: str, interrupts_on: bool, preempt_count: int, softirq_disable_count: int = 0
) -> bool:
    """Return whether a context may call the `Sleep` function `calls`.

    softirq_disable_count: current's softirq_disable_cnt. It is 0 except on PREEMPT_RT, where disabled bottom halves
    leave preemption on, but are an RCU reader's section (kernel/softirq.c, `__local_bh_disable_ip`).
    """
    if level is not Level.TASK or not interrupts_on or preempt_count:
        return False
    return softirq_disable_count == 0 or calls in RTLOCKS
