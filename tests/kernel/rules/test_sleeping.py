"""Who may call what may sleep."""

import pytest

from ctxrace.kernel.rules.contexts import Level
from ctxrace.kernel.rules.sleeping import BLOCKS, SLEEPING, Sleep, may_sleep


@pytest.mark.parametrize("calls", Sleep)
def test_only_a_task_may_sleep_with_interrupts_and_preemption_on(calls: Sleep) -> None:
    assert may_sleep(Level.TASK, calls=calls, interrupts_on=True, preempt_count=0)
    for level, interrupts_on, preempt_count in (
        *((level, True, 0) for level in Level if level is not Level.TASK),
        (Level.TASK, False, 0),
        (Level.TASK, True, 1),
        (Level.TASK, True, 0x100),
    ):
        assert not may_sleep(level, calls=calls, interrupts_on=interrupts_on, preempt_count=preempt_count)


@pytest.mark.parametrize("calls", Sleep)
def test_with_bottom_halves_off_only_the_locks_of_preempt_rt_may_sleep(calls: Sleep) -> None:
    """kernel/locking/spinlock_rt.c."""
    allowed = may_sleep(Level.TASK, calls=calls, interrupts_on=True, preempt_count=0, softirq_disable_count=0x100)
    assert allowed is (calls in (Sleep.SCHEDULE_RTLOCK, Sleep.RTLOCK_MIGHT_RESCHED))


def test_what_stands_for_what() -> None:
    assert SLEEPING["__cond_resched"] is Sleep.COND_RESCHED
    assert [SLEEPING[name] for name in Sleep] == list(Sleep)
    assert {*BLOCKS} == {Sleep.SCHEDULE, Sleep.SCHEDULE_RTLOCK}
