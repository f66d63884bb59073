"""The context rules: who may interrupt whom, who may be preempted, and how the preempt count says so.

Sources: Linux v6.19 include/linux/preempt.h (layout of the preempt count), include/linux/hardirq.h
(`__irq_enter`, `__nmi_enter`), kernel/softirq.c (`softirq_handle_begin`), kernel/sched/core.c
(`preempt_schedule_irq`), arch/arm64/include/asm/preempt.h (`init_idle_preempt_count`).
"""

from enum import IntEnum, StrEnum

__all__ = [
    "ACCOUNTING",
    "IDLE_PREEMPT_COUNT",
    "Level",
    "Preemption",
    "arrival_reason",
    "may_arrive",
    "may_be_preempted",
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


class Preemption(StrEnum):
    """When a task may lose the CPU to another task."""

    NONE = "none"  # only where its code blocks
    FULL = "full"  # between any two steps, while the preempt count is 0 and interrupts are on


SOFTIRQ_OFFSET = 0x100
HARDIRQ_OFFSET = 0x1_0000
NMI_OFFSET = 0x10_0000

SOFTIRQ_MASK = 0xFF00  # also counts local_bh_disable(), by 0x200
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


def may_be_preempted(model: Preemption, *, interrupts_on: bool, preempt_count: int) -> bool:
    """Return whether another task may be switched in between two steps of a task."""
    return model is Preemption.FULL and interrupts_on and preempt_count == 0


def arrival_reason(level: Level) -> str:
    """Say why a context of `level` could arrive."""
    return {
        Level.SOFTIRQ: "interrupts and bottom halves are on",
        Level.HARDIRQ: "interrupts are on",
        Level.NMI: "nothing masks an NMI",
    }[level]
