"""The context rules, as whole truth tables written out by hand."""

from itertools import product

import pytest

from ctxrace.core.turn import Cause
from ctxrace.kernel.rules.contexts import (
    ACCOUNTING,
    IDLE_PREEMPT_COUNT,
    Level,
    arrival_cause,
    may_arrive,
    starts_masked,
)
from ctxrace.kernel.rules.preemption import Preemption, may_be_preempted
from ctxrace.kernel.rules.sleeping import Sleep, may_sleep

TASK, SOFTIRQ, HARDIRQ, NMI = Level.TASK, Level.SOFTIRQ, Level.HARDIRQ, Level.NMI

# Preempt counts and whether they keep a softirq away: preempt_disable() does not, bottom halves off or any level does.
COUNTS = {
    0: False,
    1: False,
    0xFF: False,
    0x100: True,  # a softirq is served
    0x200: True,  # local_bh_disable()
    0x201: True,
    0x1_0000: True,  # a hardirq
    0x1_0001: True,
    0x11_0000: True,  # an NMI
}


def test_levels_are_what_interrupt_context_level_returns() -> None:
    assert [(str(level), int(level)) for level in Level] == [("task", 0), ("softirq", 1), ("hardirq", 2), ("nmi", 3)]


def test_entering_a_level_adds_the_offsets_of_preempt_h() -> None:
    assert ACCOUNTING == {SOFTIRQ: 0x100, HARDIRQ: 0x1_0000, NMI: 0x11_0000}
    assert IDLE_PREEMPT_COUNT == 1


@pytest.mark.parametrize(("over", "on", "count"), list(product(Level, (False, True), COUNTS)))
def test_an_nmi_arrives_over_everything_but_an_nmi(over: Level, on: bool, count: int) -> None:
    assert may_arrive(NMI, over, interrupts_on=on, preempt_count=count) == (over is not NMI)


@pytest.mark.parametrize(("over", "on", "count"), list(product(Level, (False, True), COUNTS)))
def test_a_hardirq_arrives_over_tasks_and_softirqs_that_have_interrupts_on(over: Level, on: bool, count: int) -> None:
    assert may_arrive(HARDIRQ, over, interrupts_on=on, preempt_count=count) == (over in (TASK, SOFTIRQ) and on)


@pytest.mark.parametrize(("over", "on", "count"), list(product(Level, (False, True), COUNTS)))
def test_a_softirq_arrives_over_tasks_that_have_interrupts_and_bottom_halves_on(
    over: Level, on: bool, count: int
) -> None:
    expected = over is TASK and on and not COUNTS[count]
    assert may_arrive(SOFTIRQ, over, interrupts_on=on, preempt_count=count) == expected


@pytest.mark.parametrize(("over", "on", "count"), list(product(Level, (False, True), COUNTS)))
def test_a_task_never_arrives_as_an_interrupt(over: Level, on: bool, count: int) -> None:
    assert not may_arrive(TASK, over, interrupts_on=on, preempt_count=count)


def test_hardirqs_and_nmis_start_masked() -> None:
    assert {level: starts_masked(level) for level in Level} == {TASK: False, SOFTIRQ: False, HARDIRQ: True, NMI: True}


@pytest.mark.parametrize(("model", "on", "count"), list(product(Preemption, (False, True), (*COUNTS, 0xFFFF_FFFF))))
def test_a_task_is_preempted_only_under_full_with_interrupts_on_and_a_count_of_0(
    model: Preemption, on: bool, count: int
) -> None:
    preemptible = model in (Preemption.FULL, Preemption.LAZY, Preemption.RT)
    expected = preemptible and (on, count) == (True, 0)
    assert may_be_preempted(model, interrupts_on=on, preempt_count=count) == expected


def test_the_reason_of_an_arrival_names_what_lets_it_in() -> None:
    assert arrival_cause(SOFTIRQ) is Cause.INTERRUPTS_AND_HALVES_ON
    assert arrival_cause(HARDIRQ) is Cause.INTERRUPTS_ON
    assert arrival_cause(NMI) is Cause.NOTHING_MASKS
    with pytest.raises(KeyError):
        arrival_cause(TASK)


@pytest.mark.parametrize(("model", "calls", "fifo"), list(product(Preemption, (None, *Sleep), (False, True))))
def test_where_a_task_gives_up_the_cpu(model: Preemption, calls: Sleep | None, fifo: bool) -> None:
    blocks = calls in (Sleep.SCHEDULE, Sleep.SCHEDULE_RTLOCK)
    asked = {Preemption.NONE: [Sleep.COND_RESCHED], Preemption.VOLUNTARY: [Sleep.COND_RESCHED, Sleep.MIGHT_SLEEP]}
    expected = blocks or (not fifo and (model not in asked or calls in asked[model]))
    assert may_be_preempted(model, interrupts_on=True, preempt_count=0, calls=calls, fifo=fifo) == expected
    for on, count in ((False, 0), (True, 1), (True, 0x200)):
        assert not may_be_preempted(model, interrupts_on=on, preempt_count=count, calls=calls, fifo=fifo)


@pytest.mark.parametrize(("level", "calls", "halves"), list(product(Level, Sleep, (0, 0x100, 0x200))))
def test_only_tasks_sleep_and_with_bottom_halves_off_only_for_a_lock(level: Level, calls: Sleep, halves: int) -> None:
    lock = calls in (Sleep.SCHEDULE_RTLOCK, Sleep.RTLOCK_MIGHT_RESCHED)
    expected = level is TASK and (not halves or lock)
    for on, count in product((True, False), (0, 1, 0x200)):
        allowed = may_sleep(level, calls=calls, interrupts_on=on, preempt_count=count, softirq_disable_count=halves)
        assert allowed == (expected and on and not count)
