"""Where a task may lose the CPU, worked out by hand from the rules of each model."""

import pytest

from ctxrace.kernel.rules.preemption import Preemption, may_be_preempted
from ctxrace.kernel.rules.sleeping import Sleep

NONE, VOLUNTARY, FULL, LAZY, RT = Preemption


@pytest.mark.parametrize("fifo", [False, True])
@pytest.mark.parametrize("calls", [None, *Sleep])
@pytest.mark.parametrize("model", Preemption)
def test_nobody_loses_the_cpu_with_interrupts_off_or_a_preempt_count(
    model: Preemption, calls: str | None, fifo: bool
) -> None:
    for interrupts_on, preempt_count in ((False, 0), (True, 1), (True, 0x100), (False, 1)):
        assert not may_be_preempted(
            model, interrupts_on=interrupts_on, preempt_count=preempt_count, calls=calls, fifo=fifo
        )


@pytest.mark.parametrize(
    ("calls", "models", "fifo_too"),
    [
        (None, {FULL, LAZY, RT}, False),
        (Sleep.COND_RESCHED, {NONE, VOLUNTARY, FULL, LAZY, RT}, False),
        (Sleep.MIGHT_SLEEP, {VOLUNTARY, FULL, LAZY, RT}, False),
        (Sleep.RTLOCK_MIGHT_RESCHED, {FULL, LAZY, RT}, False),
        (Sleep.SCHEDULE_RTLOCK, {NONE, VOLUNTARY, FULL, LAZY, RT}, True),
        (Sleep.SCHEDULE, {NONE, VOLUNTARY, FULL, LAZY, RT}, True),
    ],
)
def test_who_loses_the_cpu_where(calls: Sleep | None, models: set[Preemption], fifo_too: bool) -> None:
    """A task with the highest real-time priority only where it blocks."""

    def lose(fifo: bool) -> set[Preemption]:
        return {
            model
            for model in Preemption
            if may_be_preempted(model, interrupts_on=True, preempt_count=0, calls=calls, fifo=fifo)
        }

    assert lose(fifo=False) == models
    assert lose(fifo=True) == (models if fifo_too else set())


def test_whoever_does_not_say_otherwise_is_a_common_task_that_calls_nothing() -> None:
    assert may_be_preempted(FULL, interrupts_on=True, preempt_count=0)
    assert not may_be_preempted(NONE, interrupts_on=True, preempt_count=0)
