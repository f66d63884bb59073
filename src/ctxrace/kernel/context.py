"""The context rules: who may interrupt whom, who may be preempted, and how the preempt count says so.

Sources: Linux v6.19 include/linux/preempt.h (layout of the preempt count), include/linux/hardirq.h
(`__irq_enter`, `__nmi_enter`), kernel/softirq.c (`softirq_handle_begin`), kernel/sched/core.c
(`preempt_schedule_irq`, `__schedule_bug`), include/linux/kernel.h (`might_resched`), kernel/Kconfig.preempt,
arch/arm64/include/asm/preempt.h (`init_idle_preempt_count`).
"""

from enum import IntEnum, StrEnum

__all__ = [
    "ACCOUNTING",
    "BLOCKS",
    "IDLE_PREEMPT_COUNT",
    "INTERRUPT_NAMES",
    "Level",
    "Preemption",
    "Sleep",
    "arrival_reason",
    "may_arrive",
    "may_be_preempted",
    "may_sleep",
    "starts_masked",
]


class Level(IntEnum):
    """What `interrupt_context_level()` returns in a context."""

    TASK = 0
    SOFTIRQ = 1
    HARDIRQ = 2
    NMI = 3

    def __str__(self) -> str:
        return self.name.lower()


INTERRUPT_NAMES = tuple(str(level) for level in Level if level is not Level.TASK)


class Preemption(StrEnum):
    """When a task may lose the CPU to another task."""

    NONE = "none"  # only where its code blocks, or calls cond_resched()
    VOLUNTARY = "voluntary"  # there, and where it calls might_sleep()
    FULL = "full"  # between any two steps, while the preempt count is 0 and interrupts are on
    LAZY = "lazy"  # as full: a task with a real-time priority does not wait for the tick that others wait for
    RT = "rt"  # as full, and softirqs are tasks


class Sleep(StrEnum):
    """The functions at which a task may give up the CPU. Whoever calls one must be allowed to sleep."""

    SCHEDULE = "schedule"
    COND_RESCHED = "cond_resched"
    MIGHT_SLEEP = "might_sleep"
    SCHEDULE_RTLOCK = "schedule_rtlock"  # waiting for a local_lock() of PREEMPT_RT
    RTLOCK_MIGHT_RESCHED = "rtlock_might_resched"  # taking one


RTLOCKS = frozenset({Sleep.SCHEDULE_RTLOCK, Sleep.RTLOCK_MIGHT_RESCHED})
"""What is allowed with bottom halves off, too (kernel/locking/spinlock_rt.c)."""

BLOCKS = frozenset({Sleep.SCHEDULE, Sleep.SCHEDULE_RTLOCK})
"""Where a task gives up the CPU whether or not another one wants it."""


SOFTIRQS_AT_ONCE = 2
"""How many tasks of a CPU are in one softirq's handler on PREEMPT_RT, as far as is explored.

ksoftirqd is in it, and whoever preempts that, finds the softirq raised again and turns bottom halves on (Linux v6.18
kernel/softirq.c, `__local_bh_enable_ip`, without CONFIG_PREEMPT_RT_NEEDS_BH_LOCK).
"""

SOFTIRQ_OFFSET = 0x100
HARDIRQ_OFFSET = 0x1_0000
NMI_OFFSET = 0x10_0000

INTERRUPT_MASK = 0xFF_FF00  # any level above task, or bottom halves disabled

IDLE_PREEMPT_COUNT = 1
"""The idle task runs with preemption off."""

ACCOUNTING = {
    Level.SOFTIRQ: SOFTIRQ_OFFSET,
    Level.HARDIRQ: HARDIRQ_OFFSET,
    Level.NMI: NMI_OFFSET + HARDIRQ_OFFSET,  # an NMI counts as both
}
"""What entering a level adds to the current task's preempt count, and leaving it takes away again."""


def may_arrive(level: Level, over: Level, *, interrupts_on: bool, preempt_count: int) -> bool:
    """Return whether a context of `level` may cut in on one that runs at level `over`."""
    if level <= over:
        return False
    match level:
        case Level.NMI:
            return True
        case Level.HARDIRQ:
            return interrupts_on
        case _:
            return interrupts_on and not preempt_count & INTERRUPT_MASK


def starts_masked(level: Level) -> bool:
    """Return whether a context of `level` begins with interrupts off."""
    return level >= Level.HARDIRQ


def may_be_preempted(
    model: Preemption, *, interrupts_on: bool, preempt_count: int, calls: str | None = None, fifo: bool = False
) -> bool:
    """Return whether another task may be switched in before a task's next step.

    calls: the `Sleep` function that it is about to run. fifo: whether it has the highest real-time priority, so that
    no other task takes the CPU from it.
    """
    if not interrupts_on or preempt_count:
        return False
    if calls in BLOCKS:
        return True
    return not fifo and (model not in _WHERE_ASKED or calls in _WHERE_ASKED[model])


def may_sleep(
    level: Level, *, calls: str, interrupts_on: bool, preempt_count: int, softirq_disable_count: int = 0
) -> bool:
    """Return whether a context may call the `Sleep` function `calls`.

    softirq_disable_count: current's softirq_disable_cnt. It is 0 but on PREEMPT_RT, where bottom halves that are off
    leave preemption on, but are an RCU reader's section (kernel/softirq.c, `__local_bh_disable_ip`).
    """
    if level is not Level.TASK or not interrupts_on or preempt_count:
        return False
    return softirq_disable_count == 0 or calls in RTLOCKS


_WHERE_ASKED = {
    Preemption.NONE: (Sleep.COND_RESCHED,),
    Preemption.VOLUNTARY: (Sleep.COND_RESCHED, Sleep.MIGHT_SLEEP),
}
"""Where models that are not preemptible ask whether another task should run."""


def arrival_reason(level: Level) -> str:
    """Say why a context of `level` could arrive."""
    return {
        Level.SOFTIRQ: "interrupts and bottom halves are on",
        Level.HARDIRQ: "interrupts are on",
        Level.NMI: "nothing masks an NMI",
    }[level]
