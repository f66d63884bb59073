"""The context rules, as whole truth tables written out by hand."""

from itertools import product

import pytest

from ctxrace.kernel.context import (
    ACCOUNTING,
    IDLE_PREEMPT_COUNT,
    Level,
    Preemption,
    arrival_reason,
    may_arrive,
    may_be_preempted,
    starts_masked,
)

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
    assert arrival_reason(SOFTIRQ) == "interrupts and bottom halves are on"
    assert arrival_reason(HARDIRQ) == "interrupts are on"
    assert arrival_reason(NMI) == "nothing masks an NMI"
    with pytest.raises(KeyError):
        arrival_reason(TASK)
