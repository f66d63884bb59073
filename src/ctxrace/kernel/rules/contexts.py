"""Which context may interrupt which, and how the preempt count says so.

Sources: Linux v6.19 include/linux/preempt.h (layout of the preempt count), include/linux/hardirq.h
(`__irq_enter`, `__nmi_enter`), kernel/softirq.c (`softirq_handle_begin`), arch/arm64/include/asm/preempt.h
(`init_idle_preempt_count`).
"""

from enum import IntEnum

from ctxrace.core.turn import Cause

__all__ = [
    "ACCOUNTING",
    "IDLE_PREEMPT_COUNT",
    "INTERRUPT_NAMES",
    "SOFTIRQS_AT_ONCE",
    "Level",
    "arrival_cause",
    "may_arrive",
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

SOFTIRQS_AT_ONCE = 2
"""How many tasks of a CPU are in one softirq's handler on PREEMPT_RT, as far as is explored.

ksoftirqd is in it, and the task that preempts ksoftirqd, finds the softirq raised again and turns bottom halves on
(Linux v6.18 kernel/softirq.c, `__local_bh_enable_ip`, without CONFIG_PREEMPT_RT_NEEDS_BH_LOCK).
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
    """Return whether a context of `level` may interrupt one that runs at level `over`."""
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


def arrival_cause(level: Level) -> Cause:
    """Return why a context of `level` could arrive."""
    return {
        Level.SOFTIRQ: Cause.INTERRUPTS_AND_HALVES_ON,
        Level.HARDIRQ: Cause.INTERRUPTS_ON,
        Level.NMI: Cause.NOTHING_MASKS,
    }[level]
