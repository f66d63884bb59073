"""Verdicts of small C programs, each worked out by hand in a comment, and a second opinion on the guards.

A length is (switches, events). A switch is an arrival, preempting a task for another one, or resuming a preempted
task; starting an entry while no task runs, and returning, cost nothing.
"""

import heapq
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import ctxrace.bpf
from ctxrace.core.errors import CtxraceError
from ctxrace.core.facts.fault import FaultKind
from ctxrace.core.facts.reason import EndedByViolationOf
from ctxrace.core.facts.remark import StacksShared, TasksToldApart
from ctxrace.core.verdict import Outcome, Result, Verdict
from ctxrace.explore.search import Limits, search
from ctxrace.kernel.check import check, explore
from ctxrace.kernel.model.assumptions import Assumptions
from ctxrace.kernel.model.build import one_cpu
from ctxrace.kernel.model.flows import IdentityEscapes
from ctxrace.kernel.program import Program, load
from ctxrace.kernel.properties.invariants import FAULT
from ctxrace.kernel.rules.contexts import Level
from ctxrace.kernel.rules.preemption import Preemption
from ctxrace.kernel.scenario import Handler, Scenario, Tasks, balanced, exclusive, progress, recovers, validate

from .cases import Build

GUARDS = Path(str(ctxrace.bpf.__file__)).parent / "guards"
HOLDS, VIOLATED, INCOMPLETE = Outcome.HOLDS, Outcome.VIOLATED, Outcome.INCOMPLETE
TOLD_APART = TasksToldApart()
SHARED_STACKS = StacksShared()


def verdicts(result: Result) -> dict[str, Verdict]:
    return {str(verdict.property): verdict for verdict in result.verdicts}


def length(verdict: Verdict) -> tuple[int, int] | None:
    """Return the verdict's (switches, events); None where it is not a violation."""
    if verdict.interleaving is None:
        assert verdict.outcome is not VIOLATED
        return None
    assert verdict.outcome is VIOLATED
    return verdict.interleaving.switches, len(verdict.interleaving.events)


def checked(program: Program, name: str = "check", **changes: Any) -> tuple[int, int] | str | None:  # noqa: ANN401
    """Return None where the property `name` holds, its length where it is violated, or `incomplete`."""
    verdict = verdicts(check(program, replace(program.scenario, **changes)))[name]
    return "incomplete" if verdict.outcome is INCOMPLETE else length(verdict)


def told(verdict: Verdict) -> list[str]:
    """Return the events of a violation as ``context mnemonic name=value``, ``name:=value`` for a write."""
    assert verdict.interleaving is not None
    return [
        " ".join(
            [event.context, event.instruction.split()[0]]
            + [f"{a.name}{'=' if a.kind == 'read' else ':='}{a.value}" for a in event.accesses]
        )
        for event in verdict.interleaving.events
    ]


def reached(program: Program, variable: str, size: int = 4, **changes: Any) -> set[int]:  # noqa: ANN401
    """Return every value that `variable` has in some reachable state."""
    scenario = validate(replace(program.scenario, **changes), program.image)
    explored, exploration = explore(program, scenario)
    assert not exploration.stopped
    (system,) = explored.cpus
    place = system.layout.variable(variable)
    assert len(place) == size
    return {int.from_bytes(blob[place.start : place.stop], "little") for blob in system.shared.values}


def handlers(**entries: str) -> tuple[Handler, ...]:
    return tuple(Handler(Level[level.upper()], entry) for level, entry in entries.items())


# Tasks


COUNT_UP = """
int counter; atomic_t finished;
void count(void)
{
	WRITE_ONCE(counter, READ_ONCE(counter) + 1);
	if (atomic_inc_return(&finished) == 2)
		ctxrace_check(READ_ONCE(counter) == 2);
}
CTXRACE_TASKS(2, count);
CTXRACE_ATTEMPTS(1);
"""


def test_an_update_is_lost_between_two_tasks_and_the_shortest_way_is_told(build: Build) -> None:
    # A must read before B writes, and write after it: A is preempted and resumed, two switches. The check is made
    # by the last one to finish, so that both run all their events: 3 of B, 4 of A.
    verdict = verdicts(check(build(COUNT_UP, "#define CTXRACE_LSE 1")))["check"]
    assert length(verdict) == (2, 7)
    assert told(verdict) == [
        "A ldr counter=0",
        "B ldr counter=0",
        "B str counter:=1",
        "B ldaddal finished=0 finished:=1",
        "A str counter:=1",
        "A ldaddal finished=1 finished:=2",
        "A ldr counter=1",
    ]


def test_no_update_is_lost_without_preemption(build: Build) -> None:
    assert checked(build(COUNT_UP, "#define CTXRACE_LSE 1"), preemption=Preemption.NONE) is None


UP_AND_DOWN = """
int x;
void up_and_down(void)
{
	WRITE_ONCE(x, READ_ONCE(x) + 1);
	WRITE_ONCE(x, READ_ONCE(x) - 1);
}
CTXRACE_TASKS(1, up_and_down);
CTXRACE_BALANCED(x);
"""


def test_plain_up_and_down_survives_any_nesting_but_not_a_second_task(build: Build) -> None:
    program = build(UP_AND_DOWN)
    nested = handlers(softirq="up_and_down", hardirq="up_and_down", nmi="up_and_down")
    # A nested context puts the value back before the interrupted one goes on.
    assert checked(program, "balanced(x)", handlers=nested) is None
    # A reads 0 | B reads 0, writes 1 | A writes 1, reads 1, writes 0, ends | B reads 0, writes -1. With two switches
    # B would run as a whole inside A, which is nesting.
    assert checked(program, "balanced(x)", tasks=(Tasks(2, "up_and_down"),)) == (3, 8)
    assert checked(program, "balanced(x)", tasks=(Tasks(2, "up_and_down"),), preemption=Preemption.NONE) is None


def test_two_tasks_may_run_different_entries(build: Build) -> None:
    program = build("""
        int x;
        void raise(void) { WRITE_ONCE(x, 1); WRITE_ONCE(x, 0); }
        void look(void) { ctxrace_check(!READ_ONCE(x)); }
        CTXRACE_TASKS(1, raise); CTXRACE_TASKS(1, look);""")
    verdict = verdicts(check(program))["check"]
    assert length(verdict) == (1, 2)
    assert verdict.interleaving is not None
    assert [event.function for event in verdict.interleaving.events] == ["raise", "look"]
    assert checked(program, preemption=Preemption.NONE) is None


def test_several_lines_of_tasks_add_up(build: Build) -> None:
    # n counts the tasks inside: only three tasks bring it to 3, by two preemptions and three additions.
    text = """
        atomic_t n;
        void e(void) { ctxrace_check(atomic_inc_return(&n) < 3); atomic_dec(&n); }
        CTXRACE_TASKS(1, e); CTXRACE_TASKS(%d, e);"""
    three = check(build(text % 2, "#define CTXRACE_LSE 1"))
    assert three.setup.tasks == 3
    assert length(verdicts(three)["check"]) == (2, 3)
    assert checked(build(text % 1, "#define CTXRACE_LSE 1")) is None


# Interrupts and masks

VICTIM = """
int x;
void victim(void) { %s WRITE_ONCE(x, 1); %s WRITE_ONCE(x, 0); %s }
void intruder(void) { ctxrace_check(!READ_ONCE(x)); }
CTXRACE_TASKS(1, victim);
"""
LEVELS = ("softirq", "hardirq", "nmi")


def intrusions(program: Program) -> dict[str, tuple[int, int] | str | None]:
    """Return what the check says with the intruder at each level, and as another task."""
    found = {level: checked(program, handlers=handlers(**{level: "intruder"})) for level in LEVELS}
    found["task"] = checked(program, tasks=(Tasks(1, "victim"), Tasks(1, "intruder")))
    return found


@pytest.mark.parametrize(
    ("before", "between", "after", "expected"),
    [
        # str x | ldr x
        ("", "", "", {"softirq": (1, 2), "hardirq": (1, 2), "nmi": (1, 2), "task": (1, 2)}),
        # msr, str x | ldr x: only an NMI gets in
        ("local_irq_disable();", "", "local_irq_enable();",
         {"softirq": None, "hardirq": None, "nmi": (1, 3), "task": None}),
        # msr, str x, msr | ldr x: the window
        ("local_irq_disable();", "local_irq_enable(); local_irq_disable();", "local_irq_enable();",
         {"softirq": (1, 4), "hardirq": (1, 4), "nmi": (1, 3), "task": (1, 4)}),
        # str count, str x | ldr x: preemption off keeps tasks away alone
        ("preempt_disable();", "", "preempt_enable();",
         {"softirq": (1, 3), "hardirq": (1, 3), "nmi": (1, 3), "task": None}),
        ("preempt_disable();", "preempt_enable(); preempt_disable();", "preempt_enable();",
         {"softirq": (1, 3), "hardirq": (1, 3), "nmi": (1, 3), "task": (1, 4)}),
        ("local_bh_disable();", "", "local_bh_enable();",
         {"softirq": None, "hardirq": (1, 3), "nmi": (1, 3), "task": None}),
        ("local_bh_disable();", "local_bh_enable(); local_bh_disable();", "local_bh_enable();",
         {"softirq": (1, 4), "hardirq": (1, 3), "nmi": (1, 3), "task": (1, 4)}),
        # The inner restore leaves interrupts off, as the inner save found them.
        ("unsigned long f, g; local_irq_save(f); local_irq_save(g); local_irq_restore(g);", "", "local_irq_restore(f);",
         {"softirq": None, "hardirq": None, "nmi": (1, 5), "task": None}),
        # The outer one turns them on: msr, msr, msr, str x, msr | ldr x. (mrs is private.)
        ("unsigned long f, g; local_irq_save(f); local_irq_save(g); local_irq_restore(g);",
         "local_irq_restore(f); local_irq_disable();", "local_irq_enable();",
         {"softirq": (1, 6), "hardirq": (1, 6), "nmi": (1, 5), "task": (1, 6)}),
        # Two levels of preemption off, one of them given back: still off.
        ("preempt_disable(); preempt_disable();", "preempt_enable();", "preempt_enable();",
         {"softirq": (1, 4), "hardirq": (1, 4), "nmi": (1, 4), "task": None}),
        # Interrupts on again, but preemption off: hardirqs get in, tasks do not.
        ("preempt_disable(); local_irq_disable();", "local_irq_enable();", "preempt_enable();",
         {"softirq": (1, 5), "hardirq": (1, 5), "nmi": (1, 4), "task": None}),
    ],
    ids=["nothing", "irq", "irq window", "preempt", "preempt window", "bh", "bh window", "irqsave", "irqsave window",
         "nested preempt", "irq in preempt"],
)  # fmt: skip
def test_masks_keep_away_exactly_what_they_are_for(
    build: Build, before: str, between: str, after: str, expected: dict[str, tuple[int, int] | None]
) -> None:
    assert intrusions(build(VICTIM % (before, between, after))) == expected


@pytest.mark.parametrize("victim", LEVELS)
@pytest.mark.parametrize("intruder", LEVELS)
def test_a_handler_is_interrupted_by_higher_levels_alone(build: Build, victim: str, intruder: str) -> None:
    # The victim's arrival and the intruder's are two switches; str x | ldr x.
    program = build(VICTIM % ("", "", ""))
    pair = (Handler(Level[victim.upper()], "victim"), Handler(Level[intruder.upper()], "intruder"))
    expected = (2, 2) if LEVELS.index(intruder) > LEVELS.index(victim) else None
    assert checked(program, tasks=(), handlers=pair) == expected


def test_a_task_never_runs_over_a_handler(build: Build) -> None:
    program = build(VICTIM % ("", "", ""))
    for level in LEVELS:
        assert checked(program, tasks=(Tasks(2, "intruder"),), handlers=handlers(**{level: "victim"})) is None


def test_a_softirq_may_turn_interrupts_off_against_hardirqs(build: Build) -> None:
    program = build(VICTIM % ("local_irq_disable();", "", "local_irq_enable();"))
    assert checked(program, tasks=(), handlers=handlers(softirq="victim", hardirq="intruder")) is None
    assert checked(program, tasks=(), handlers=handlers(softirq="victim", nmi="intruder")) == (2, 3)


def test_a_handler_without_events_is_harmless_and_named_in_no_error(build: Build) -> None:
    program = build("""
        int x;
        void e(void) { WRITE_ONCE(x, 1); WRITE_ONCE(x, 0); }
        void nothing(void) { }
        CTXRACE_TASKS(2, e); CTXRACE_BALANCED(x);
        CTXRACE_SOFTIRQ(nothing); CTXRACE_HARDIRQ(nothing); CTXRACE_NMI(nothing);""")
    # A writes 1 | B writes 1, 0 | A writes 0; A writes 1, 0 | ...: the last write is always 0.
    assert {key: v.outcome for key, v in verdicts(check(program)).items()} == {"balanced(x)": HOLDS}


def test_handlers_of_one_level_may_have_different_entries_and_do_not_nest(build: Build) -> None:
    program = build("""
        int x;
        void first(void) { WRITE_ONCE(x, 1); WRITE_ONCE(x, 2); }
        void second(void) { ctxrace_check(READ_ONCE(x) != 1); ctxrace_check(READ_ONCE(x) != 2); }
        CTXRACE_HARDIRQ(first); CTXRACE_HARDIRQ(second);""")
    # x is 1 only inside `first`. It is 2 after it: first runs (2 events), second reads twice.
    verdict = verdicts(check(program))["check"]
    assert length(verdict) == (2, 4)
    assert verdict.interleaving is not None
    assert "READ_ONCE(x) != 2" in str(verdict.interleaving)


def test_a_hardirq_arrives_over_a_softirq_without_events(build: Build) -> None:
    program = build("""
        void s(void) { }
        void h(void) { ctxrace_check(!in_serving_softirq()); }
        CTXRACE_SOFTIRQ(s); CTXRACE_HARDIRQ(h);""")
    assert checked(program) == (2, 0)


def test_a_hardirq_arrives_over_a_task_without_events(build: Build) -> None:
    program = build("""
        void e(void) { }
        void h(void) { ctxrace_check(current->pid == 0); }
        CTXRACE_TASKS(1, e); CTXRACE_HARDIRQ(h);""")
    assert checked(program) == (1, 1)


def test_a_hardirq_arrives_over_a_softirq_that_has_its_last_event_behind_it(build: Build) -> None:
    # softirq: str x | hardirq: ldr x = 1. That the softirq could begin again would do as well, but for the limit.
    program = build("""
        int x;
        void s(void) { WRITE_ONCE(x, 1); }
        void h(void) { if (in_serving_softirq()) ctxrace_check(!READ_ONCE(x)); }
        CTXRACE_SOFTIRQ(s); CTXRACE_HARDIRQ(h);""")
    assert checked(program) == (2, 2)
    assert checked(program, attempts=1) == (2, 2)


# What code sees of its context

LEVEL_CHECKS = """
void task(void)
{
	ctxrace_check(interrupt_context_level() == 0 && in_task() && !in_interrupt() && !in_nmi());
	ctxrace_check(!in_serving_softirq() && !in_softirq() && !in_hardirq() && preempt_count() == 0);
}
void softirq(void)
{
	ctxrace_check(interrupt_context_level() == 1 && in_serving_softirq() && in_softirq() && in_interrupt());
	ctxrace_check(!in_task() && !in_hardirq() && !in_nmi());
}
void hardirq(void)
{
	ctxrace_check(interrupt_context_level() == 2 && in_hardirq() && in_interrupt() && !in_task() && !in_nmi());
}
void nmi(void)
{
	ctxrace_check(interrupt_context_level() == 3 && in_nmi() && in_hardirq() && in_interrupt() && !in_task());
}
CTXRACE_TASKS(2, task); CTXRACE_SOFTIRQ(softirq); CTXRACE_HARDIRQ(hardirq); CTXRACE_NMI(nmi);
"""


def test_each_level_knows_itself_wherever_it_nests(build: Build) -> None:
    program = build(LEVEL_CHECKS)
    assert checked(program) is None
    # Not vacuous: each of them is false at another level.
    for level, entry in (("softirq", "hardirq"), ("hardirq", "softirq"), ("nmi", "hardirq"), ("hardirq", "nmi")):
        assert checked(program, tasks=(), handlers=handlers(**{level: entry})) == (1, 0)


RECORD_COUNT = """
int seen;
int x;
void busy(void) { WRITE_ONCE(x, 1); preempt_disable(); WRITE_ONCE(x, 0); preempt_enable(); WRITE_ONCE(x, 0); }
void record(void) { WRITE_ONCE(seen, preempt_count()); WRITE_ONCE(x, 0); }
CTXRACE_TASKS(1, busy);
"""


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        # Over a task with count 0, over one with preemption off or the idle task: both have 1.
        (("softirq",), {0x100, 0x101}),
        (("hardirq",), {0x1_0000, 0x1_0001}),
        (("nmi",), {0x11_0000, 0x11_0001}),
        (("softirq", "hardirq"), {0x100, 0x101, 0x1_0000, 0x1_0001, 0x1_0100, 0x1_0101}),
        (("hardirq", "nmi"), {0x1_0000, 0x1_0001, 0x11_0000, 0x11_0001, 0x12_0000, 0x12_0001}),
        (LEVELS, {a + b + c + d for a in (0, 1) for b in (0, 0x100) for c in (0, 0x1_0000) for d in (0, 0x11_0000)}
         - {0, 1}),
    ],
)  # fmt: skip
def test_a_handler_sees_the_interrupted_count_and_its_own_offset(
    build: Build, levels: tuple[str, ...], expected: set[int]
) -> None:
    program = build(RECORD_COUNT)
    assert reached(program, "seen", handlers=handlers(**dict.fromkeys(levels, "record"))) - {0} == expected


def test_current_in_an_interrupt_is_the_interrupted_task(build: Build) -> None:
    program = build("""
        int seen, x;
        void e(void) { WRITE_ONCE(x, 1); WRITE_ONCE(x, 0); }
        void record(void) { WRITE_ONCE(seen, current->pid + 1); }
        CTXRACE_TASKS(2, e); CTXRACE_NMI(record); CTXRACE_BALANCED(x);""")
    assert reached(program, "seen") == {0, 1, 101, 102}  # not yet, the idle task, the two tasks
    result = check(program)
    assert result.notes == (TOLD_APART,)
    assert result.outcome is HOLDS


def test_a_nested_interrupt_sees_the_same_current_as_the_interrupt_below(build: Build) -> None:
    program = build("""
        void *below; int x, differs;
        void e(void) { WRITE_ONCE(x, 0); WRITE_ONCE(x, 0); }
        void low(void) { WRITE_ONCE(below, current); WRITE_ONCE(below, NULL); }
        void high(void) { void *b = READ_ONCE(below); ctxrace_check(!b || b == current); }
        CTXRACE_TASKS(2, e); CTXRACE_HARDIRQ(low); CTXRACE_NMI(high);""")
    assert checked(program) is None


# Atomics


def test_exclusive_stores_never_lose_an_update_and_fail_after_an_interrupt(build: Build) -> None:
    program = build(
        """
        atomic_t x;
        void e(void) { atomic_inc(&x); atomic_dec(&x); }
        CTXRACE_TASKS(2, e); CTXRACE_HARDIRQ(e); CTXRACE_NMI(e); CTXRACE_BALANCED(x);""",
        "#define CTXRACE_LSE 0",
    )
    assert checked(program, "balanced(x)") is None
    assert reached(program, "x") == {0, 1, 2, 3, 4}  # two tasks, a hardirq, an NMI: each counts once


TRY_ONCE = """
int x, y;
static __always_inline u32 try_to_set(void)
{
    u32 found, failed;

    asm volatile("ldxr %w0, %2\\n mov %w0, #1\\n stxr %w1, %w0, %2"
             : "=&r"(found), "=&r"(failed), "+Q"(x) : : "memory");
    return failed;
}
"""


def test_an_interrupt_between_the_two_makes_the_exclusive_store_fail(build: Build) -> None:
    program = build(
        TRY_ONCE
        + """
        void e(void) { ctxrace_check(!try_to_set()); }
        void nothing(void) { }
        CTXRACE_TASKS(1, e);"""
    )
    assert checked(program) is None
    for level in LEVELS:  # ldxr | arrival and return | stxr
        verdict = verdicts(check(program, replace(program.scenario, handlers=handlers(**{level: "nothing"}))))["check"]
        assert length(verdict) == (1, 2)
        assert "store-exclusive fails" in str(verdict.interleaving)


def test_a_second_task_between_the_two_makes_the_exclusive_store_fail(build: Build) -> None:
    program = build(
        TRY_ONCE
        + """
        void e(void) { ctxrace_check(!try_to_set()); }
        CTXRACE_TASKS(2, e);"""
    )
    assert checked(program) == (2, 2)  # A ldxr | B begins, and is preempted | A stxr fails


def test_a_store_between_the_two_of_a_handwritten_loop_is_lost(build: Build) -> None:
    # It looks twice and writes once: A reads 0, 0 | B up and half down | ...: as for the plain ++ and --, three
    # switches; each up and each down is three events: 12.
    program = build("""
        int x;
        static __always_inline void add(int n)
        {
            int old;
            do { old = READ_ONCE(x); } while (READ_ONCE(x) != old);
            WRITE_ONCE(x, old + n);
        }
        void e(void) { add(1); add(-1); }
        CTXRACE_TASKS(2, e); CTXRACE_BALANCED(x);""")
    assert checked(program, "balanced(x)") == (3, 12)
    assert checked(program, "balanced(x)", tasks=(Tasks(1, "e"),), handlers=handlers(nmi="e")) is None


def test_an_atomic_instruction_is_one_step(build: Build) -> None:
    program = build(
        """
        atomic_t x;
        void e(void) { atomic_inc(&x); atomic_dec(&x); }
        void late(void) { atomic_inc(&x); atomic_dec(&x); ctxrace_check(0); }
        CTXRACE_TASKS(2, e); CTXRACE_NMI(e); CTXRACE_BALANCED(x);""",
        "#define CTXRACE_LSE 1",
    )
    assert checked(program, "balanced(x)") is None
    assert checked(program, tasks=(Tasks(1, "late"),), properties=()) == (0, 2)


def test_a_pair_of_shared_words_is_read_in_two_steps(build: Build) -> None:
    program = build("""
        u64 pair[2] __aligned(16);
        void look(void)
        {
            u64 a, b;
            asm volatile("ldp %0, %1, [%2]" : "=&r"(a), "=&r"(b) : "r"(pair) : "memory");
            ctxrace_check(a == b);
        }
        void set(void) { WRITE_ONCE(pair[0], 1); WRITE_ONCE(pair[1], 1); }
        CTXRACE_TASKS(1, look); CTXRACE_HARDIRQ(set);""")
    verdict = verdicts(check(program))["check"]
    assert length(verdict) == (1, 4)
    assert told(verdict) == ["A ldp pair[0]=0", "hardirq str pair[0]:=1", "hardirq str pair[1]:=1",
                             "A ldp pair[1]=1"]  # fmt: skip


def test_a_pair_of_shared_words_is_written_in_two_steps(build: Build) -> None:
    program = build("""
        u64 pair[2] __aligned(16);
        void set(void)
        {
            asm volatile("stp %0, %0, [%1]\\n stp xzr, xzr, [%1]" : : "r"(7UL), "r"(pair) : "memory");
        }
        void look(void) { ctxrace_check(READ_ONCE(pair[0]) == READ_ONCE(pair[1])); }
        CTXRACE_TASKS(1, set); CTXRACE_NMI(look); CTXRACE_BALANCED(pair);""")
    assert checked(program) == (1, 3)  # stp's first half | ldr, ldr
    assert checked(program, "balanced(pair)") is None
    assert {value & 0xFF for value in reached(program, "pair", 16)} == {0, 7}


def test_a_pair_on_the_stack_is_no_event(build: Build) -> None:
    program = build("""
        void e(void)
        {
            u64 here[2] __aligned(16), a, b;
            asm volatile("stp %2, %2, [%3]\\n ldp %0, %1, [%3]"
                         : "=&r"(a), "=&r"(b) : "r"(7UL), "r"(here) : "memory");
            ctxrace_check(a != 7 || b != 7);
        }
        CTXRACE_TASKS(1, e); CTXRACE_NMI(e);""")
    assert checked(program, handlers=()) == (0, 0)


# Bodies


def test_an_entry_may_itself_be_the_body(build: Build) -> None:
    program = build("""
        int x;
        noinline void body(void) { WRITE_ONCE(x, 1); }
        CTXRACE_TASKS(2, body); CTXRACE_EXCLUSIVE(body);""")
    # A has begun it, and B begins it.
    assert checked(program, "exclusive(body)") == (1, 0)
    assert checked(program, "exclusive(body)", preemption=Preemption.NONE) is None
    assert checked(program, "exclusive(body)", tasks=(Tasks(1, "body"),)) is None
    assert checked(program, "exclusive(body)", tasks=(Tasks(1, "body"),), handlers=handlers(nmi="body")) == (1, 0)
    # A hardirq over the idle task, an NMI over that.
    both = handlers(hardirq="body", nmi="body")
    assert checked(program, "exclusive(body)", tasks=(), handlers=both) == (2, 0)
    assert checked(program, "exclusive(body)", tasks=(), handlers=handlers(nmi="body")) is None


def test_a_body_that_calls_itself_is_active_twice(build: Build) -> None:
    program = build("""
        int x;
        static void again(void);
        static noinline void body(void) { if (!READ_ONCE(x)) { WRITE_ONCE(x, 1); again(); } WRITE_ONCE(x, 0); }
        static noinline void again(void) { body(); barrier(); }
        void e(void) { body(); barrier(); }
        CTXRACE_TASKS(1, e); CTXRACE_EXCLUSIVE(body);""")
    assert checked(program, "exclusive(body)") == (0, 2)  # ldr x = 0, str x 1, and the private way into the call


def test_a_body_that_is_called_twice_in_a_row_is_active_once(build: Build) -> None:
    program = build("""
        int x;
        static noinline void body(void) { barrier(); }
        void e(void) { body(); body(); body(); }
        CTXRACE_TASKS(1, e); CTXRACE_EXCLUSIVE(body);""")
    assert checked(program, "exclusive(body)") is None  # the last call is a tail call


@pytest.mark.parametrize("optimize", ["-O0", "-O2"])
def test_a_body_that_is_tail_called_ends_with_its_caller(build: Build, optimize: str) -> None:
    program = build(
        """
        int x;
        static noinline void body(void) { barrier(); }
        void e(void) { WRITE_ONCE(x, 0); body(); }
        CTXRACE_TASKS(2, e); CTXRACE_EXCLUSIVE(body);""",
        optimize=optimize,
    )
    assert checked(program, "exclusive(body)") == (1, 2)  # A writes and enters | B writes and enters
    assert checked(program, "exclusive(body)", tasks=(Tasks(1, "e"),)) is None


def test_a_loop_back_to_the_first_instruction_is_not_another_call(build: Build) -> None:
    program = build("""
        int x;
        __attribute__((naked)) noinline void body(int *p) { asm("1: ldr w9, [x0]\\n cbnz w9, 1b\\n ret"); }
        void e(void) { body(&x); barrier(); }
        void set(void) { WRITE_ONCE(x, 1); }
        void reset(void) { WRITE_ONCE(x, 0); }
        CTXRACE_TASKS(1, e); CTXRACE_HARDIRQ(set); CTXRACE_NMI(reset); CTXRACE_EXCLUSIVE(body);""")
    assert checked(program, "exclusive(body)") is None
    assert checked(program, "exclusive(body)", tasks=(Tasks(2, "e"),)) == (1, 0)


def test_a_body_that_ends_in_a_call_of_another_function_is_active_until_that_returns(build: Build) -> None:
    program = build("""
        int x;
        static noinline void rest(void) { WRITE_ONCE(x, 1); WRITE_ONCE(x, 0); }
        static noinline void body(void) { barrier(); rest(); }
        void e(void) { body(); barrier(); }
        CTXRACE_TASKS(1, e); CTXRACE_NMI(e); CTXRACE_EXCLUSIVE(body);""")
    assert checked(program, "exclusive(body)") == (1, 0)
    assert reached(program, "x") == {0, 1}


# At idle


def test_progress_and_recovery_are_judged_where_the_cpu_is_idle(build: Build) -> None:
    program = build("""
        int busy;
        static noinline void body(void) { barrier(); }
        void e(void)
        {
            if (READ_ONCE(busy)) return;
            WRITE_ONCE(busy, 1);
            body();
            WRITE_ONCE(busy, 0);
        }
        void jam(void) { WRITE_ONCE(busy, 1); }
        CTXRACE_TASKS(1, e); CTXRACE_PROGRESS(e, body); CTXRACE_RECOVERS(e, body); CTXRACE_BALANCED(busy);""")
    assert {v.outcome for v in check(program).verdicts} == {HOLDS}
    jammed = verdicts(check(program, replace(program.scenario, handlers=handlers(nmi="jam"))))
    assert length(jammed["balanced(busy)"]) == (1, 1)  # the NMI over the idle task
    assert length(jammed["recovers(e, body)"]) == (1, 1)
    assert length(jammed["progress(e, body)"]) == (1, 2)  # and then e gives up


# Several properties


def test_a_check_is_not_said_to_hold_because_another_property_is_violated_sooner(build: Build) -> None:
    program = build("""
        int x;
        static noinline void body(void) { barrier(); }
        void a(void) { WRITE_ONCE(x, 1); body(); WRITE_ONCE(x, 2); }
        void b(void) { body(); if (READ_ONCE(x) == 1) ctxrace_check(READ_ONCE(x) != 2); }
        CTXRACE_TASKS(1, a); CTXRACE_TASKS(1, b); CTXRACE_EXCLUSIVE(body);""")
    # exclusive: A str, enters | B enters. check: A str 1 | B ret, ldr 1 | A ret, str 2 | B ldr 2; A might also have
    # its body behind it before.
    found = verdicts(check(program))
    assert length(found["exclusive(body)"]) == (1, 1)
    assert found["check"].outcome is not HOLDS
    alone = verdicts(check(program, replace(program.scenario, properties=())))
    assert alone["check"].outcome is VIOLATED


# Bugs of the code under test


@pytest.mark.parametrize(
    ("statement", "kind", "address"),
    [
        ("*(volatile int *)(NULL + 4) = 1;", FaultKind.WILD, 4),
        ("(void)*(volatile int *)0x1234;", FaultKind.WILD, 0x1234),
        ("*(volatile int *)&limit = 1;", FaultKind.READ_ONLY, None),
        ("BUG();", FaultKind.TRAPS, 0),
        ("BUG_ON(current != NULL);", FaultKind.TRAPS, 0),
        ('asm volatile("str xzr, [sp, #-16]");', FaultKind.BELOW_STACK, None),
    ],
)
def test_a_bug_is_a_violation_with_its_interleaving(
    build: Build, statement: str, kind: FaultKind, address: int | None
) -> None:
    program = build(f"""
        const int limit = 3; int x;
        void e(void) {{ WRITE_ONCE(x, READ_ONCE(x)); {statement} }}
        CTXRACE_TASKS(1, e); CTXRACE_BALANCED(x);""")
    result = check(program)
    found = verdicts(result)
    assert length(found["fault"]) == (0, 2)
    assert found["fault"].interleaving is not None
    (fault,) = (note.fault for event in found["fault"].interleaving.events for note in event.notes if note.fault)
    assert (fault.kind, fault.address if address is not None else None) == (kind, address)
    assert found["balanced(x)"].outcome is INCOMPLETE
    assert found["balanced(x)"].reason == EndedByViolationOf(FAULT)
    assert result.outcome is VIOLATED


def test_a_pointer_that_another_task_clears_is_a_wild_pointer(build: Build) -> None:
    program = build("""
        int x; int *p = &x;
        void use(void) { if (READ_ONCE(p)) WRITE_ONCE(*READ_ONCE(p), 1); }
        void clear(void) { WRITE_ONCE(p, NULL); }
        CTXRACE_TASKS(1, use); CTXRACE_TASKS(1, clear);""")
    assert checked(program, "fault") == (2, 3)  # ldr p | str p, ends | ldr p = NULL, and the store
    assert "fault" not in verdicts(check(program, replace(program.scenario, preemption=Preemption.NONE)))


@pytest.mark.parametrize("statement", ["preempt_disable();", "local_irq_disable();", "local_bh_disable();",
                                       "preempt_enable();"])  # fmt: skip
def test_an_entry_must_leave_the_count_and_the_mask_as_it_found_them(build: Build, statement: str) -> None:
    program = build(f"""
        int x;
        void e(void) {{ {statement} }}
        CTXRACE_TASKS(1, e); CTXRACE_BALANCED(x);""")
    found = verdicts(check(program))
    assert length(found["restored"]) == (0, 1)
    assert found["balanced(x)"].outcome is INCOMPLETE
    for level in LEVELS:
        if statement == "local_irq_disable();" and level != "softirq":
            continue  # off they were
        changed = replace(program.scenario, tasks=(), handlers=handlers(**{level: "e"}))
        assert length(verdicts(check(program, changed))["restored"]) == (1, 1)


@pytest.mark.parametrize("level", ["hardirq", "nmi"])
def test_a_handler_must_not_turn_interrupts_on(build: Build, level: str) -> None:
    program = build("void e(void) { local_irq_enable(); } CTXRACE_TASKS(1, e);")
    assert "restored" not in verdicts(check(program))
    found = verdicts(check(program, replace(program.scenario, handlers=handlers(**{level: "e"}))))
    assert length(found["restored"]) == (1, 1)


# Folding

NO_INTERRUPTS: tuple[Handler, ...] = ()


def guard(name: str, cache: Path) -> Program:
    return load(GUARDS / f"{name}.c", cache=cache)


def lengths(program: Program, scenario: Scenario, symmetric: bool) -> dict[str, tuple[int, int] | None]:
    """Return the length of each property's shortest violation, None where it holds, by a search of both ways."""
    system = one_cpu(program.image, validate(scenario, program.image), Assumptions(symmetric))
    exploration = search(system, frozenset(scenario.properties), Limits(max_states=200_000))
    assert not exploration.stopped
    return {
        str(prop): (
            (sum(s.switches for _, s in run), sum(s.events for _, s in run))
            if (run := exploration.runs.get(prop)) is not None
            else None
        )
        for prop in scenario.properties
    }


NAMES = sorted(path.stem for path in GUARDS.glob("*.c"))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("tasks", "interrupts"), [(2, ""), (3, ""), (2, "nmi")])
def test_folding_changes_no_verdict_and_no_length(name: str, tasks: int, interrupts: str, cache: Path) -> None:
    program = guard(name, cache)
    found = handlers(nmi="attempt") if interrupts else NO_INTERRUPTS
    scenario = replace(program.scenario, tasks=(Tasks(tasks, "attempt"),), handlers=found)
    assert lengths(program, scenario, symmetric=True) == lengths(program, scenario, symmetric=False)


IDENTITIES = {
    # The owner is somebody else only when another task has written in between: A str, B str | A ldr: with symmetric
    # tasks both would be the same `current`, and the check would hold.
    "owner": ("struct task_struct *mine;",
              "WRITE_ONCE(mine, current); ctxrace_check(READ_ONCE(mine) == current);", (2, 3)),
    "pid": ("int mine;", "int pid = current->pid; WRITE_ONCE(mine, pid); ctxrace_check(READ_ONCE(mine) == pid);", None),
    "stack": ("void *mine;", "int here; barrier_data(&here); WRITE_ONCE(mine, &here); "
              "ctxrace_check(READ_ONCE(mine) == (void *)&here);", (2, 3)),
    # The second one sees the first one's address.
    "foreign": ("struct task_struct *mine;", "struct task_struct *was = READ_ONCE(mine);"
                "ctxrace_check(!was || was == current); WRITE_ONCE(mine, current);", (0, 3)),
    "half": ("u32 mine;", "u32 me = (u32)(unsigned long)current; WRITE_ONCE(mine, me);"
             "ctxrace_check(READ_ONCE(mine) == me);", (2, 3)),
    "shifted": ("unsigned long mine;", "unsigned long me = (unsigned long)current >> 4; WRITE_ONCE(mine, me);"
                "ctxrace_check(READ_ONCE(mine) == me);", (2, 3)),
    "compared": ("int mine;", "if (current->pid == 101) WRITE_ONCE(mine, 1); else ctxrace_check(!READ_ONCE(mine));",
                 (0, 3)),
    "by address": ("u8 mine[1 << 16];", "u8 *me = &mine[(unsigned long)current >> 16 & 0xffff];"
                   "ctxrace_check(!READ_ONCE(*me)); WRITE_ONCE(*me, 1); WRITE_ONCE(*me, 0);", None),
}  # fmt: skip


HASHED = """
u8 *mine, slots[8];
void e(void) { u8 *me = &slots[(unsigned long)current >> 4 & 7]; WRITE_ONCE(mine, me); %s }
CTXRACE_TASKS(2, e);"""


def test_a_hash_of_an_address_tells_tasks_apart(build: Build) -> None:
    # Two tasks' hashes may differ, as their addresses are wherever the allocator puts them: A str | B str | A ldr.
    assert checked(build(HASHED % "ctxrace_check(READ_ONCE(mine) == me);")) == (2, 3)


@pytest.mark.parametrize("name", IDENTITIES)
def test_an_identity_that_reaches_shared_memory_is_noticed(build: Build, name: str) -> None:
    variable, code, expected = IDENTITIES[name]
    result = check(build(f"{variable} void e(void) {{ {code} }} CTXRACE_TASKS(2, e);"))
    assert TOLD_APART in result.notes
    found = length(verdicts(result)["check"])
    if name == "pid":  # ldr pid is an event; A ldr, str | B ldr, str, .. | A ldr
        expected = (2, 5)
    if name == "compared":  # the one with pid 101: ldr, str; then the other one: ldr, ldr
        expected = (0, 4)
    assert found == expected


def test_a_lock_by_owner_lets_one_task_in(build: Build) -> None:
    # Wrongly symmetric, `owner == current` would also be true of the other task.
    text = """
        struct task_struct *owner; int depth;
        static noinline void body(void) { barrier(); }
        void e(void)
        {
            if (READ_ONCE(owner) == current || cmpxchg(&owner, NULL, current) == NULL) {
                body();
                WRITE_ONCE(owner, NULL);
            }
        }
        CTXRACE_TASKS(2, e); CTXRACE_EXCLUSIVE(body); CTXRACE_BALANCED(owner);"""
    program = build(text, "#define CTXRACE_LSE 1")
    result = check(program)
    assert TOLD_APART in result.notes
    assert {str(v.property): v.outcome for v in result.verdicts} == {"exclusive(body)": HOLDS, "balanced(owner)": HOLDS}
    # An interrupt is the task that it interrupts: it may come in.
    nested = verdicts(check(program, replace(program.scenario, handlers=handlers(nmi="e"))))
    assert length(nested["exclusive(body)"]) == (1, 3)  # ldr owner, cas, enters | ldr owner == current, enters


def test_folding_refuses_by_itself_what_would_be_wrong(build: Build) -> None:
    program = build("""
        struct task_struct *mine;
        void e(void) { WRITE_ONCE(mine, current); }
        CTXRACE_TASKS(2, e);""")
    system = one_cpu(program.image, validate(program.scenario, program.image))
    with pytest.raises(IdentityEscapes):
        search(system)


def test_a_task_may_use_its_own_address_and_stay_foldable(build: Build) -> None:
    program = build("""
        int x;
        void e(void)
        {
            void *me = current; int here = 1;
            WRITE_ONCE(current->bpf_ctx, (void *)&here);
            WRITE_ONCE(x, 1);
            ctxrace_check(me == current && READ_ONCE(current->bpf_ctx) == (void *)&here);
            WRITE_ONCE(current->bpf_ctx, NULL);
        }
        CTXRACE_TASKS(2, e);""")
    result = check(program)
    assert result.notes == ()
    assert result.outcome is HOLDS


def test_a_published_stack_variable_is_shared_memory(build: Build) -> None:
    program = build("""
        int *published;
        void publish(void)
        {
            int here = 1;
            WRITE_ONCE(published, &here);
            ctxrace_check(READ_ONCE(here) == 1);
            WRITE_ONCE(published, NULL);
            barrier_data(&here);
        }
        void meddle(void) { int *p = READ_ONCE(published); if (p) WRITE_ONCE(*p, 2); }
        CTXRACE_TASKS(1, publish); CTXRACE_TASKS(1, meddle);""")
    result = check(program)
    assert set(result.notes) == {TOLD_APART, SHARED_STACKS}
    verdict = verdicts(result)["check"]
    assert verdict.interleaving is not None
    # In the end: publish | meddle: ldr p, str 2, ends | publish: ldr 2.
    assert verdict.interleaving.switches == 2
    assert [line.split()[:2] for line in told(verdict)][-3:] == [["B", "ldr"], ["B", "str"], ["A", "ldr"]]
    assert check(program, replace(program.scenario, preemption=Preemption.NONE)).outcome is HOLDS


def test_a_handler_reaches_the_interrupted_stack_through_current(build: Build) -> None:
    program = build("""
        void e(void)
        {
            int here = 1;
            WRITE_ONCE(current->bpf_ctx, (void *)&here);
            ctxrace_check(READ_ONCE(here) == 1);
            WRITE_ONCE(current->bpf_ctx, NULL);
            barrier_data(&here);
        }
        void h(void) { int *p = READ_ONCE(current->bpf_ctx); if (p) WRITE_ONCE(*p, 2); }
        CTXRACE_TASKS(1, e); CTXRACE_HARDIRQ(h);""")
    result = check(program)
    assert SHARED_STACKS in result.notes
    found = length(verdicts(result)["check"])
    assert found is not None
    assert found[0] == 1


def test_a_handler_that_knows_its_pid_tells_tasks_apart(build: Build) -> None:
    # Only over the second task x is raised, and it is put down again there.
    program = build("""
        int x, y;
        void e(void) { WRITE_ONCE(y, 1); WRITE_ONCE(y, 0); }
        void h(void) { if (current->pid == 101) { WRITE_ONCE(x, 1); WRITE_ONCE(x, 0); } }
        void n(void) { if (READ_ONCE(x)) ctxrace_check(current->pid != 101); }
        CTXRACE_TASKS(2, e); CTXRACE_HARDIRQ(h); CTXRACE_NMI(n);""")
    # Start B (nothing runs: 0) | hardirq: ldr pid, str x | nmi: ldr x, ldr pid.
    result = check(program)
    assert TOLD_APART in result.notes
    assert length(verdicts(result)["check"]) == (2, 4)
    assert checked(program, tasks=(Tasks(1, "e"),)) is None


# Wrong verdicts, found by looking for them. Each is to be mended in the code, not here.


def test_a_check_behind_a_function_pointer_is_reported(build: Build) -> None:
    program = build("""
        int x, y;
        static noinline void target(void) { ctxrace_check(READ_ONCE(x)); }
        void (*volatile pointer)(void) = target;
        void e(void) { pointer(); }
        CTXRACE_TASKS(1, e); CTXRACE_BALANCED(y);""")
    assert check(program).outcome is VIOLATED  # ldr pointer, ldr x = 0


def test_a_register_saved_by_a_function_behind_a_pointer_stays_live(build: Build) -> None:
    # One task, no interrupt. `target` keeps y = 5 in x19 across its calls of f(), so z becomes 1.
    program = build("""
        int x, y = 5, z;
        static noinline u32 f(void) { u32 a = READ_ONCE(x); WRITE_ONCE(z, a); return a; }
        static noinline void target(void)
        {
            u32 a = READ_ONCE(y);
            f(); f();
            if (a == 5)
                WRITE_ONCE(z, 1);
            WRITE_ONCE(x, 0);
        }
        void (*volatile pointer)(void) = target;
        void e(void)
        {
            pointer();
            barrier();
            if (READ_ONCE(y))
                return;
            f();
            barrier();
            WRITE_ONCE(x, 0);
        }
        CTXRACE_TASKS(1, e); CTXRACE_BALANCED(z);""")
    assert checked(program, "balanced(z)") == (0, 9)


def test_an_exclusive_store_fails_though_nobody_stored(build: Build) -> None:
    # A ldxr | B begins | A stxr fails, ldr x = 0. With an event of B in between, not symmetric, the tool finds it.
    program = build(
        TRY_ONCE
        + """
        void e(void) { if (try_to_set()) ctxrace_check(READ_ONCE(x)); }
        CTXRACE_TASKS(2, e);"""
    )
    scenario = validate(program.scenario, program.image)
    system = one_cpu(program.image, scenario, Assumptions(symmetric=False))
    assert [str(prop) for prop in search(system).runs] == ["check"]
    assert checked(program) == (2, 3)


def test_a_task_that_comes_and_goes_clears_the_monitor(build: Build) -> None:
    # A ldxr | B begins, and is preempted before its first event | A stxr fails, ldr y = 0.
    program = build(
        TRY_ONCE
        + """
        void e(void) { if (try_to_set()) ctxrace_check(READ_ONCE(y)); }
        void other(void) { WRITE_ONCE(y, 1); }
        CTXRACE_TASKS(1, e); CTXRACE_TASKS(1, other);"""
    )
    assert checked(program) == (2, 3)


def test_a_handler_runs_over_a_task_that_has_only_begun_and_is_preempted_then(build: Build) -> None:
    # A begins | hardirq: ldr pid, str last | B begins: ldr last = 100, ldr x = 0. A has not written x yet.
    program = build("""
        int x, last;
        void a(void) { WRITE_ONCE(x, 1); }
        void b(void) { if (READ_ONCE(last) == 100) ctxrace_check(READ_ONCE(x)); }
        void h(void) { WRITE_ONCE(last, current->pid); }
        CTXRACE_TASKS(1, a); CTXRACE_TASKS(1, b); CTXRACE_HARDIRQ(h);""")
    assert checked(program) == (2, 4)


def test_a_task_that_locks_itself_out_does_not_recover(build: Build) -> None:
    # ldr trace_recursion = 0, str 1, ret of body: from now on this task, the only one, never runs the body.
    program = build("""
        static noinline void body(void) { barrier(); }
        void e(void)
        {
            if (READ_ONCE(current->trace_recursion)) return;
            WRITE_ONCE(current->trace_recursion, 1);
            body();
            barrier();
        }
        CTXRACE_TASKS(1, e); CTXRACE_RECOVERS(e, body);""")
    assert checked(program, "recovers(e, body)") == (0, 3)


def test_an_entry_must_recover_at_every_level_that_runs_it(build: Build) -> None:
    # The softirq sets stuck; from now on no NMI runs the body.
    program = build("""
        int stuck;
        static noinline void body(void) { barrier(); }
        void e(void) { if (in_nmi() && READ_ONCE(stuck)) return; body(); barrier(); }
        void s(void) { WRITE_ONCE(stuck, 1); }
        CTXRACE_TASKS(1, e); CTXRACE_NMI(e); CTXRACE_SOFTIRQ(s); CTXRACE_RECOVERS(e, body);""")
    assert checked(program, "recovers(e, body)") == (1, 1)


def test_each_task_has_its_own_attempts(build: Build) -> None:
    # Each task begins once, and finds its own task_struct untouched. Not symmetric, the tool says so.
    program = build("""
        void e(void)
        {
            ctxrace_check(!READ_ONCE(current->trace_recursion));
            WRITE_ONCE(current->trace_recursion, 1);
        }
        CTXRACE_TASKS(2, e); CTXRACE_ATTEMPTS(1);""")
    scenario = validate(program.scenario, program.image)
    assert not search(one_cpu(program.image, scenario, Assumptions(symmetric=False))).runs
    assert checked(program) is None


def test_a_variable_without_a_size_is_not_said_to_be_balanced(build: Build) -> None:
    program = build("""
        asm(".data\\n.globl bare\\nbare: .word 0\\n.text");
        extern int bare;
        void e(void) { WRITE_ONCE(bare, 1); }
        CTXRACE_TASKS(1, e); CTXRACE_BALANCED(bare);""")
    try:
        assert checked(program, "balanced(bare)") == (0, 1)
    except CtxraceError as error:
        assert "bare" in str(error)


def test_an_interrupt_arrives_while_the_count_is_below_zero(build: Build) -> None:
    program = build("""
        int x;
        void e(void) { preempt_enable(); WRITE_ONCE(x, 1); preempt_disable(); }
        void h(void) { WRITE_ONCE(x, 0); }
        CTXRACE_TASKS(1, e); CTXRACE_HARDIRQ(h); CTXRACE_BALANCED(x);""")
    assert check(program).outcome is VIOLATED


# A second opinion: event models of three guards, written by hand from their C code, and a search of their own.


class Context(NamedTuple):
    """A context of the model: next event, register, inside the body, preempt count."""

    at: int = 0
    register: int = 0
    inside: bool = False
    preempt: int = 0


class World(NamedTuple):
    """What the model's CPU looks like. now: the task that runs, -1 for none; nmi: over it, if any."""

    memory: tuple[int, ...] = (0, 0, 0, 0)
    tasks: tuple[Context | None, ...] = (None, None)
    now: int = -1
    nmi: Context | None = None
    attempted: bool = False
    ran: bool = False


Memory = tuple[int, ...]
Event = Callable[[Context, Memory, int], tuple[Context, Memory]]


def _bump(memory: Memory, at: int, value: int) -> Memory:
    return (*memory[:at], value & 0xFF, *memory[at + 1 :])


def _load(c: Context, m: Memory, level: int) -> tuple[Context, Memory]:
    return c._replace(at=c.at + 1, register=m[level]), m


def _store(delta: int) -> Event:
    return lambda c, m, level: (c._replace(at=c.at + 1, register=0), _bump(m, level, c.register + delta))


def _add(delta: int) -> Event:
    return lambda c, m, _level: (c._replace(at=c.at + 1, register=m[0]), _bump(m, 0, m[0] + delta))


def _count(delta: int) -> Event:
    return lambda c, m, _level: (c._replace(at=c.at + 1, preempt=c.preempt + delta), m)


def _decide(alone: Callable[[Context, Memory, int], bool], skip: int, keep: Event | None = None) -> Event:
    """Enter the body, whose return is the next event, or skip that one."""

    def event(c: Context, m: Memory, level: int) -> tuple[Context, Memory]:
        enters = alone(c, m, level)
        if keep is not None:
            c, m = keep(c, m, level)
            c = c._replace(at=c.at - 1)
        return c._replace(at=c.at + 1 + (0 if enters else skip), register=0, inside=enters), m

    return event


def _look(c: Context, m: Memory, level: int) -> tuple[Context, Memory]:
    return c._replace(at=c.at + 1, register=int(_alone(c, m, level))), m


def _alone(_c: Context, m: Memory, level: int) -> bool:
    return m == _bump((0, 0, 0, 0), level, 1)


def _return(c: Context, m: Memory, _level: int) -> tuple[Context, Memory]:
    return c._replace(at=c.at + 1, inside=False), m


def _found(value: int) -> Callable[[Context, Memory, int], bool]:
    return lambda c, _m, _level: c.register == value


MODELS: dict[str, list[Event]] = {
    "arm64-v1": [_load, _store(1), _decide(_alone, 1), _return, _load, _store(-1)],
    "arm64-merged": [
        *(_count(1), _load, _store(1), _look, _decide(_found(1), 1, _count(-1)), _return),
        *(_count(1), _load, _store(-1), _count(-1)),
    ],
    "generic-lse": [
        *(_count(1), _add(1), _decide(_found(0), 1, _count(-1)), _return),
        *(_count(1), _add(-1), _count(-1)),
    ],
}


def _steps(w: World, program: list[Event], nmi: bool, full: bool) -> Iterator[tuple[World, int, int]]:
    """Yield (next world, switches, events)."""
    running = w.nmi or (w.tasks[w.now] if w.now >= 0 else None)
    if running is not None:
        level = 3 if w.nmi else 0
        after, memory = program[running.at](running, w.memory, level)
        left = after if after.at < len(program) else None
        moved = w._replace(memory=memory, ran=w.ran or (after.inside and not running.inside))
        if w.nmi:
            yield moved._replace(nmi=left), 0, 1
        else:
            tasks = tuple(left if number == w.now else task for number, task in enumerate(w.tasks))
            yield moved._replace(tasks=tasks, now=w.now if left else -1), 0, 1
    if nmi and w.nmi is None:
        yield w._replace(nmi=Context(), attempted=True), 1, 0
    current = w.tasks[w.now] if w.now >= 0 else None
    if w.nmi is None and (current is None or (full and current.preempt == 0)):
        for number, task in enumerate(w.tasks):
            if number == w.now:
                continue
            tasks = tuple((task or Context()) if n == number else t for n, t in enumerate(w.tasks))
            costs = 1 if current is not None or task is not None else 0
            yield w._replace(tasks=tasks, now=number, attempted=w.attempted or task is None), costs, 0


def _enters(memory: Memory, program: list[Event]) -> bool:
    context = Context()
    while context.at < len(program):
        context, memory = program[context.at](context, memory, 0)
        if context.inside:
            return True
    return False


def second_opinion(program: list[Event], nmi: bool, full: bool) -> dict[str, tuple[int, int] | None]:
    """Return the shortest (switches, events) that breaks each property."""
    found: dict[str, tuple[int, int] | None] = dict.fromkeys(("exclusive", "balanced", "recovers", "progress"))
    best = {World(): (0, 0)}
    queue = [(0, 0, 0, World())]
    order = 0
    while queue:
        switches, events, _, world = heapq.heappop(queue)
        if best[world] < (switches, events):
            continue
        if all(known is not None and known <= (switches, events) for known in found.values()):
            break
        for after, more_switches, more_events in _steps(world, program, nmi, full):
            cost = switches + more_switches, events + more_events
            broken = []
            contexts = [c for c in (*after.tasks, after.nmi) if c is not None]
            if sum(c.inside for c in contexts) > 1:
                broken.append("exclusive")
            if not contexts:
                broken += ["progress"] * (after.attempted and not after.ran) + ["balanced"] * any(after.memory)
                broken += ["recovers"] * (not _enters(after.memory, program))
                after = after._replace(attempted=False, ran=False)
            for name in broken:
                known = found[name]
                found[name] = cost if known is None else min(known, cost)
            if after not in best or cost < best[after]:
                best[after] = cost
                order += 1
                heapq.heappush(queue, (*cost, order, after))
    return found


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("nmi", [False, True])
@pytest.mark.parametrize("preemption", [Preemption.NONE, Preemption.FULL])
def test_the_machine_code_agrees_with_a_model_written_by_hand(
    name: str, nmi: bool, preemption: Preemption, cache: Path
) -> None:
    program = guard(name, cache)
    wanted = (exclusive("body"), balanced("active"), recovers("attempt", "body"), progress("attempt", "body"))
    found = handlers(nmi="attempt") if nmi else NO_INTERRUPTS
    scenario = Scenario((Tasks(2, "attempt"),), found, preemption, wanted)
    by_kind = {v.property.kind: length(v) for v in check(program, scenario).verdicts if v.property in wanted}
    assert by_kind == second_opinion(MODELS[name], nmi, preemption is Preemption.FULL)


def test_the_model_written_by_hand_says_of_v1_what_the_design_says() -> None:
    # 6 events with 2 switches, 10 with 3, as worked out in the thread.
    assert second_opinion(MODELS["arm64-v1"], nmi=False, full=True) == {
        "exclusive": (2, 6), "balanced": (3, 10), "recovers": (3, 10), "progress": (3, 10)}  # fmt: skip
    assert set(second_opinion(MODELS["arm64-merged"], nmi=True, full=True).values()) == {None}
