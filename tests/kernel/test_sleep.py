"""Who may sleep, and what the kernel says to those who do and may not. Lengths are (switches, events)."""

import re
from typing import Any

import pytest

from ctxrace.core.facts.reason import EndedByViolationOf
from ctxrace.core.verdict import Outcome
from ctxrace.kernel.properties.invariants import SLEEP
from ctxrace.kernel.rules.preemption import Preemption

from .cases import RT, Cases, ending, handlers, length, verdict

INSIDE = """
int x;
DEFINE_PER_CPU(local_lock_t, lock);
void e(void) { %s %s %s WRITE_ONCE(x, 0); }
CTXRACE_TASKS(2, e); CTXRACE_BALANCED(x);
"""
ATOMIC = "BUG: scheduling while atomic: schedule() at preempt count "
INVALID = "BUG: sleeping function called from invalid context: "
CLASSIC_RCU = "#define CTXRACE_PREEMPT_RCU 0\n"


@pytest.mark.parametrize(
    ("before", "after", "head", "count"),
    [
        ("preempt_disable();", "preempt_enable();", "", "0x1"),
        ("preempt_disable(); preempt_disable();", "preempt_enable(); preempt_enable();", "", "0x2"),
        ("local_irq_disable();", "local_irq_enable();", "", "0x0, interrupts off"),
        ("local_bh_disable();", "local_bh_enable();", "", "0x200"),
        ("rcu_read_lock();", "rcu_read_unlock();", CLASSIC_RCU, "0x1"),
        ("rcu_read_lock_sched();", "rcu_read_unlock_sched();", "", "0x1"),
        ("rcu_read_lock_bh();", "rcu_read_unlock_bh();", "", "0x200"),
        ("local_lock(&lock);", "local_unlock(&lock);", "", "0x1"),
        ("local_lock_irq(&lock);", "local_unlock_irq(&lock);", "", "0x0, interrupts off"),
    ],
)
def test_a_task_that_sleeps_in_atomic_context_is_found(
    cases: Cases, before: str, after: str, head: str, count: str
) -> None:
    # What turns it off is an event each, then the call's.
    events = before.count(";") + 1
    for model in (Preemption.NONE, Preemption.FULL):
        result = cases.check(INSIDE % (before, "schedule();", after), head, preemption=model)
        assert length(result, "sleep") == (0, events)
        assert ending(result, "sleep") == ATOMIC + count
        assert verdict(result, "balanced(x)").outcome is Outcome.INCOMPLETE
    for call in ("might_sleep", "cond_resched", "might_fault"):
        result = cases.check(INSIDE % (before, f"{call}();", after), head)
        assert length(result, "sleep") == (0, events)
        name = "might_sleep" if call == "might_fault" else call
        assert ending(result, "sleep") == f"{INVALID}{name}() at preempt count {count}"


@pytest.mark.parametrize("call", ["schedule();", "might_sleep();", "cond_resched();"])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", ""),
        ("preempt_disable(); preempt_enable();", ""),
        ("local_irq_disable(); local_irq_enable();", ""),
        ("rcu_read_lock();", "rcu_read_unlock();"),  # preemptible RCU: the model does not count readers
        ("rcu_read_lock_trace();", "rcu_read_unlock_trace();"),
        ("migrate_disable();", "migrate_enable();"),
    ],
)
def test_a_task_may_sleep_elsewhere(cases: Cases, before: str, after: str, call: str) -> None:
    for model, head in ((Preemption.NONE, ""), (Preemption.RT, RT)):
        result = cases.check(INSIDE % (before, call, after), head, preemption=model)
        assert (length(result, "sleep"), length(result, "balanced(x)")) == (None, None)


@pytest.mark.parametrize(("level", "count"), [("softirq", "0x10[01]"), ("hardirq", "0x1000[01], interrupts off"),
                                              ("nmi", "0x11000[01], interrupts off")])  # fmt: skip
def test_an_interrupt_never_sleeps(cases: Cases, level: str, count: str) -> None:
    # It arrives, over a task that has begun or over the idle one, and calls.
    for call, words in (("schedule", "scheduling while atomic"), ("cond_resched", "sleeping function called from .*")):
        text = f"int x; void e(void) {{ {call}(); WRITE_ONCE(x, 0); }} CTXRACE_TASKS(1, e); CTXRACE_BALANCED(x);"
        result = cases.check(text, handlers=handlers(**{level: "e"}))
        assert length(result, "sleep") == (1, 1)
        assert re.fullmatch(rf"BUG: {words}: {call}\(\) at preempt count {count}", ending(result, "sleep"))
        assert cases.found(text, "sleep") is None


def test_the_shortest_way_into_sleeping_in_atomic_context_is_shown(cases: Cases) -> None:
    # nmi over the idle task: str x 1; e: ldr x, str count, ret
    text = """
        int x, z;
        void e(void) { if (READ_ONCE(x)) { preempt_disable(); schedule(); preempt_enable(); } }
        void set(void) { WRITE_ONCE(x, 1); }
        CTXRACE_TASKS(2, e); CTXRACE_BALANCED(z); CTXRACE_NMI(set);"""
    assert cases.found(text, "sleep") == (1, 4)
    assert cases.found(text, "sleep", handlers=()) is None


# PREEMPT_RT

ON_RT: dict[str, Any] = {"head": RT, "preemption": Preemption.RT}


def test_a_softirq_on_rt_may_wait_for_a_lock_and_no_more(cases: Cases) -> None:
    text = """
        int x;
        DEFINE_PER_CPU(local_lock_t, lock);
        void s(void) { %s WRITE_ONCE(x, 0); }
        void e(void) { local_lock(&lock); WRITE_ONCE(x, 0); local_unlock(&lock); }
        CTXRACE_TASKS(2, e); CTXRACE_SOFTIRQ(s); CTXRACE_BALANCED(x);"""
    result = cases.check(text % "schedule();", RT, preemption=Preemption.RT)
    assert length(result, "sleep") == (0, 1)  # it starts on the idle CPU, and calls
    assert ending(result, "sleep") == ("WARNING: voluntary context switch within RCU read-side critical section: "
                                       "schedule() at preempt count 0x0, softirq_disable_cnt 0x100")  # fmt: skip
    result = cases.check(text % "might_sleep();", RT, preemption=Preemption.RT)
    assert length(result, "sleep") == (0, 1)
    assert ending(result, "sleep") == f"{INVALID}might_sleep() at preempt count 0x0, softirq_disable_cnt 0x100"
    locks = "local_lock(&lock); WRITE_ONCE(x, 0); local_unlock(&lock);"
    assert cases.found(text % locks, "sleep", **ON_RT) is None


def test_bottom_halves_off_on_rt_forbid_sleeping_and_not_locks(cases: Cases) -> None:
    before, after = "local_bh_disable();", "local_bh_enable();"
    for call in ("schedule();", "might_sleep();", "cond_resched();"):
        assert cases.found(INSIDE % (before, call, after), "sleep", **ON_RT) == (0, 2)
    assert cases.found(INSIDE % (before, "local_lock(&lock); local_unlock(&lock);", after), "sleep", **ON_RT) is None


@pytest.mark.parametrize(
    ("before", "after", "where"),
    [
        ("preempt_disable();", "preempt_enable();", "0x1"),
        ("local_irq_disable();", "local_irq_enable();", "0x0, interrupts off"),
    ],
)
def test_a_lock_of_rt_is_not_taken_in_atomic_context(cases: Cases, before: str, after: str, where: str) -> None:
    # Whether or not somebody holds it: str count or msr, rtlock_might_resched().
    text = INSIDE % (before, "local_lock(&lock); local_unlock(&lock);", after)
    result = cases.check(text, RT, preemption=Preemption.RT)
    assert length(result, "sleep") == (0, 2)
    assert ending(result, "sleep") == f"{INVALID}rtlock_might_resched() at preempt count {where}"
    assert cases.found(text, "sleep") is None


def test_a_hardirq_takes_no_lock_of_rt(cases: Cases) -> None:
    text = """
        int x;
        DEFINE_PER_CPU(local_lock_t, lock);
        void e(void) { local_lock(&lock); WRITE_ONCE(x, 0); local_unlock(&lock); }
        CTXRACE_TASKS(2, e); CTXRACE_HARDIRQ(e); CTXRACE_BALANCED(x);"""
    assert cases.found(text, "sleep", **ON_RT) == (1, 1)
    assert cases.found(text, "sleep") is None


@pytest.mark.parametrize("before", ["", "preempt_disable();"], ids=["private", "event"])
def test_what_comes_after_a_wrong_sleep_counts_for_nothing(cases: Cases, before: str) -> None:
    """Also where it belongs to the same step: body begins without another event in between."""
    after = "preempt_enable();" if before else ""
    result = cases.check(f"""
        static noinline void body(void) {{ barrier(); }}
        void task(void) {{ body(); }}
        void irq(void) {{ schedule(); {before} body(); {after} }}
        CTXRACE_TASKS(1, task); CTXRACE_HARDIRQ(irq); CTXRACE_EXCLUSIVE(body);""")
    assert length(result, "sleep") == (1, 1)
    assert length(result, "exclusive(body)") == "incomplete"
    assert verdict(result, "exclusive(body)").reason == EndedByViolationOf(SLEEP)
