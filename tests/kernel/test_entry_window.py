"""Interrupts that run their entry before the preempt count says so, or after. Lengths are (switches, events)."""

from dataclasses import replace
from typing import Any

import pytest

from ctxrace.core.schedule import Schedule
from ctxrace.core.turn import Turn, TurnKind
from ctxrace.kernel.check import check, explore
from ctxrace.kernel.replay import replay
from ctxrace.kernel.scenario import Scenario, Tasks, validate

from .cases import Cases, ending, handlers, length, verdict

LEVELS = """
int seen, x;
void task(void) { WRITE_ONCE(x, 0); }
void record(void) { WRITE_ONCE(seen, interrupt_context_level() + 1); WRITE_ONCE(x, 0); }
void other(void) { WRITE_ONCE(x, 0); }
CTXRACE_TASKS(1, task);
"""


def levels(cases: Cases, window: bool, **entries: str) -> set[int]:
    """Return every level that `record` reads."""
    program = cases.program(LEVELS)
    changed = replace(program.scenario, handlers=handlers(**entries), entry_window=window)
    explored, _ = explore(program, validate(changed, program.image))
    (system,) = explored.cpus
    place = system.layout.variable("seen")
    return {int.from_bytes(blob[place.start : place.stop], "little") - 1 for blob in system.shared.values} - {-1}


@pytest.mark.parametrize(
    ("entries", "accounted", "with_window"),
    [
        # Over a task and the idle task, whose level it then reads.
        ({"softirq": "record"}, {1}, {0, 1}),
        ({"hardirq": "record"}, {2}, {0, 2}),
        ({"nmi": "record"}, {3}, {0, 3}),
        # Over a softirq that is accounted it reads 1; over one that is in its window interrupts are off.
        ({"softirq": "other", "hardirq": "record"}, {2}, {0, 1, 2}),
        # Over a hardirq that is accounted it reads 2, over one that is not 0.
        ({"hardirq": "other", "nmi": "record"}, {3}, {0, 2, 3}),
        ({"softirq": "other", "nmi": "record"}, {3}, {0, 1, 3}),
        # The lower level's own count hangs on nobody above it.
        ({"softirq": "record", "nmi": "other"}, {1}, {0, 1}),
    ],
)
def test_who_is_not_accounted_reads_the_interrupted_level(
    cases: Cases, entries: dict[str, str], accounted: set[int], with_window: set[int]
) -> None:
    assert levels(cases, False, **entries) == accounted
    assert levels(cases, True, **entries) == with_window


# The contexts at level 0 in the count: tasks, and interrupts in the window.
PER_LEVEL = """
u8 active[4];
void e(void)
{
	unsigned char level = interrupt_context_level();

	%s
	ctxrace_check(!READ_ONCE(active[level]));
	WRITE_ONCE(active[level], 1);
	WRITE_ONCE(active[level], 0);
	%s
}
CTXRACE_TASKS(1, e);
"""


@pytest.mark.parametrize("level", ["softirq", "hardirq", "nmi"])
def test_one_slot_a_level_is_not_enough_in_the_window(cases: Cases, level: str) -> None:
    text = PER_LEVEL % ("", "")
    alone: dict[str, Any] = {"handlers": handlers(**{level: "e"})}
    assert cases.found(text, **alone) is None
    # ldr active[0] = 0, str 1 | not accounted for: ldr active[0] = 1
    assert cases.found(text, entry_window=True, **alone) == (1, 3)


def test_the_window_opens_only_where_the_interrupt_may_arrive(cases: Cases) -> None:
    # msr, ldr, str | nmi ldr
    text = PER_LEVEL % ("local_irq_disable();", "local_irq_enable();")
    for level, expected in (("softirq", None), ("hardirq", None), ("nmi", (1, 4))):
        inner = text + "void i(void) { ctxrace_check(!READ_ONCE(active[interrupt_context_level()])); }"
        assert cases.found(inner, entry_window=True, handlers=handlers(**{level: "i"})) == expected
    # str count, ldr, str | ldr: preemption that is off keeps no interrupt away, bottom halves that are off a softirq.
    text = PER_LEVEL % ("local_bh_disable();", "local_bh_enable();")
    for level, expected in (("softirq", None), ("hardirq", (1, 4)), ("nmi", (1, 4))):
        inner = text + "void i(void) { ctxrace_check(!READ_ONCE(active[interrupt_context_level()])); }"
        assert cases.found(inner, entry_window=True, handlers=handlers(**{level: "i"})) == expected


def test_interrupts_are_off_in_a_softirqs_window(cases: Cases) -> None:
    # ^softirq: str x | nmi: ldr x
    text = """
        int x;
        void s(void) { if (!interrupt_context_level()) { WRITE_ONCE(x, 1); WRITE_ONCE(x, 0); } barrier(); }
        void look(void) { ctxrace_check(!READ_ONCE(x)); }
        CTXRACE_SOFTIRQ(s); CTXRACE_ENTRY_WINDOW();"""
    assert cases.found(text, handlers=handlers(softirq="s", hardirq="look")) is None
    assert cases.found(text, handlers=handlers(softirq="s", nmi="look")) == (2, 2)
    # Accounted, they are on: then nothing is written. And x is written at all only in the window.
    assert cases.found(text, handlers=handlers(softirq="s", nmi="look"), entry_window=False) is None


def test_what_is_not_accounted_must_not_sleep_nor_turn_interrupts_on(cases: Cases) -> None:
    # The same shortest length without the window; the words say which.
    text = """
        int x;
        void h(void) { if (!in_hardirq()) schedule(); WRITE_ONCE(x, 0); }
        CTXRACE_HARDIRQ(h); CTXRACE_BALANCED(x);"""
    assert cases.found(text, "sleep") is None
    result = cases.check(text, entry_window=True)
    assert length(result, "sleep") == (1, 1)  # over the idle task
    assert ending(result, "sleep") == "BUG: scheduling while atomic: schedule() at preempt count 0x1, interrupts off"
    text = text.replace("schedule()", "local_irq_enable()")
    assert cases.found(text, "restored") is None
    assert cases.found(text, "restored", entry_window=True) == (1, 2)  # msr, str x


def test_an_arrival_in_the_window_is_spelled_with_a_hat_and_replays(cases: Cases) -> None:
    program = cases.program(PER_LEVEL % ("", ""))
    scenario: Scenario = replace(program.scenario, handlers=handlers(nmi="e"), entry_window=True)
    found = verdict(check(program, scenario), "check").interleaving
    assert found is not None
    assert found.schedule.endswith(":A:2 ^nmi:1")
    assert [row.accounted for row in found if isinstance(row, Turn) and row.kind is TurnKind.ARRIVAL] == [False]
    told, broken = replay(program, Schedule.parse(found.schedule), scenario)
    assert told == found
    assert [str(prop) for prop in broken] == ["check"]


def test_two_tasks_and_the_window(cases: Cases) -> None:
    # Preemption alone does it, too: ldr, str | ldr. With preemption off only the window does: str count first.
    two: dict[str, Any] = {"tasks": (Tasks(2, "e"),), "handlers": handlers(hardirq="e"), "entry_window": True}
    assert cases.found(PER_LEVEL % ("", ""), **two) == (1, 3)
    assert cases.found(PER_LEVEL % ("preempt_disable();", "preempt_enable();"), **two) == (1, 5)
