"""The specification on more than one CPU: who runs where, what migration does, and the table of every kernel."""

from itertools import product

import pytest

from ctxrace.bpf.specification import (
    EXCLUSIVE,
    GUARDS,
    Callers,
    Choice,
    Guard,
    Kernel,
    Specification,
    State,
    UncountedSwitches,
    narrate,
    specify,
)
from ctxrace.bpf.specification.code import preempt_disable, this_cpu_ptr
from ctxrace.bpf.specification.table import Configuration, Decided, configurations
from ctxrace.core.ending import BodyOverlaps, Difference, ValuesLeft
from ctxrace.core.turn import Turn
from ctxrace.explore.expand import follow
from ctxrace.explore.search import search
from ctxrace.kernel.rules.contexts import Level
from ctxrace.report.sentences.turn import turn_reason

A, B = 0, 1
HOLDS = (None,) * 4


def after(system: Specification, *choices: tuple[int, int]) -> State:
    """Return the state after events of (who, CPU)."""
    state: State = follow(system, [Choice(*it) for it in choices])[-1][1].state
    return state


def possible(system: Specification, state: State) -> list[tuple[int, int]]:
    """Return who may take the next event, and where."""
    return [(system.choice(step).who, system.choice(step).cpu) for step in system.steps(state)]


# The leak.


@pytest.mark.parametrize(
    ("guard", "model", "sleepable"), list(product(("atomic", "v1", "merged"), ("none", "full"), (False, True)))
)
def test_without_migrate_disable_the_counters_leak_where_a_task_can_lose_the_cpu(
    guard: str, model: str, sleepable: bool
) -> None:
    pinned = Configuration(guard, model, sleepable, cpus=2)
    free = Configuration(guard, model, sleepable, cpus=2, migrate_disable=False)
    assert free.decide().holds == (model == "none" and not sleepable)
    assert pinned.decide().holds == (guard != "v1" or model == "none")


def test_the_leak_needs_one_task_only() -> None:
    # It enters on CPU 0 and exits on CPU 1. With two bits all states can be visited; with 32 it counts for ever.
    # Idle, the counters are k and -k: 4 states. After the increment, on either CPU: 4 * 2. Let in only where k is 0:
    # after body, on either CPU, having incremented either: 2 * 2.
    system = specify(GUARDS["atomic"].narrowed(2), Kernel(cpus=2, migrate_disable=False), callers=Callers(1, ()))
    found = search(system)
    assert (found.states, found.exhausted) == (16, True)
    assert {broken.kind: len(run) for broken, run in found.runs.items()} == {
        "balanced": 3,
        "recovers": 3,
        "progress": 5,
    }
    run = next(run for broken, run in found.runs.items() if broken.kind == "balanced")
    assert run[-1][1].state.active == (1, 3)
    left = (Difference("active@0", 1, 0), Difference("active@1", 3, 0))
    assert narrate(system, run).endings[0] == ValuesLeft(left, several_cpus=True)


def test_where_rcu_is_not_preemptible_nobody_migrates_anyway() -> None:
    for pinned in (True, False):
        assert Configuration("v1", "full", False, False, 2, pinned).decide() == Decided(267, HOLDS)


# With migration, and preemption off before the pointer is taken, as guards/arm64-merged.c has it; the kernel takes the
# pointer first. Where nobody can be preempted between the two it is all the same.
POINTER_INSIDE = {
    ("full", False): ((1, 13), (1, 12), (1, 12), (1, 23)),
    ("full", True): ((1, 13), (1, 13), (1, 13), (1, 24)),
    ("none", True): ((1, 15), (1, 13), (1, 13), (1, 24)),
}


def test_on_which_side_of_preempt_disable_the_pointer_is_taken_changes_no_verdict(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    merged = GUARDS["merged"]
    assert merged.enter[:2] == merged.exit[:2] == (this_cpu_ptr, preempt_disable)
    swapped = (preempt_disable, this_cpu_ptr)
    monkeypatch.setitem(GUARDS, "merged", Guard((*swapped, *merged.enter[2:]), (*swapped, *merged.exit[2:])))
    for model, sleepable, pinned in product(("none", "full"), (False, True), (False, True)):
        it = Configuration("merged", model, sleepable, cpus=2, migrate_disable=pinned)
        assert it.decide().lengths == (HOLDS if pinned else POINTER_INSIDE.get((model, sleepable), HOLDS))


def test_the_states_of_two_cpus_counted_by_hand() -> None:
    # Two tasks, an attempt each, which nobody can preempt. A task has not begun, is in body or before exit, on either
    # CPU, or has finished. None in flight: 2 * 2 states. One in flight (4 places) and the other not begun: 2 * 4; or
    # finished, having overlapped or not: 2 * 4 * 2. Both in flight, on different CPUs: 4 * 2.
    kernel = Kernel("none", cpus=2, migrate_disable=False)
    system = UncountedSwitches(specify("atomic", kernel, callers=Callers(2, (), attempts=1)))
    found = search(system, frozenset())
    assert (found.exhausted, found.states) == (True, 4 + 8 + 16 + 8)


# Who runs where.


def test_each_cpu_runs_its_own_and_a_pinned_task_stays() -> None:
    system = specify("v1", Kernel(cpus=2), callers=Callers(2, ()))
    assert possible(system, system.initial()) == [(A, 0), (B, 0), (A, 1), (B, 1)]
    state = after(system, (A, 0))
    assert state.contexts[A].pinned == 1
    assert possible(system, state) == [(A, 0), (B, 0), (B, 1)]
    free = specify("v1", Kernel(cpus=2, migrate_disable=False), callers=Callers(2, ()))
    assert possible(free, after(free, (A, 0))) == [(A, 0), (B, 0), (A, 1), (B, 1)]


def test_a_task_with_preemption_off_keeps_its_cpu_and_leaves_the_other_alone() -> None:
    system = specify("merged", Kernel(cpus=2, migrate_disable=False), callers=Callers(2, ()))
    assert possible(system, after(system, (A, 1), (A, 1))) == [(B, 0), (A, 1)]
    none = specify("merged", Kernel("none", cpus=2, migrate_disable=False), callers=Callers(2, ()))
    assert possible(none, after(none, (A, 1))) == [(B, 0), (A, 1)]


def test_interrupts_arrive_on_each_cpu_on_their_own() -> None:
    system = specify("v1", Kernel(cpus=2), callers=Callers(1, (Level.HARDIRQ, Level.NMI)))
    assert system.names == ("A", "hardirq@0", "hardirq@1", "nmi@0", "nmi@1")
    assert possible(system, after(system, (1, 0))) == [(1, 0), (3, 0), (A, 1), (2, 1), (4, 1)]
    assert possible(system, after(system, (1, 0), (4, 1))) == [(1, 0), (3, 0), (4, 1)]


def test_on_rt_a_softirq_stays_on_its_cpu() -> None:
    system = specify("v1", Kernel("rt", cpus=2, migrate_disable=False), callers=Callers(1, (Level.SOFTIRQ,)))
    assert possible(system, after(system, (1, 0), (2, 1))) == [(A, 0), (1, 0), (3, 0), (A, 1), (2, 1), (4, 1)]


def test_a_pointer_stays_with_the_cpu_on_which_it_was_taken() -> None:
    system = specify("v1", Kernel(cpus=2, migrate_disable=False), callers=Callers(1, ()))
    state = after(system, (A, 1), (A, 0), (A, 0))
    assert state.active == (0, 0, 0, 0, 1, 0, 0, 0)
    assert (state.contexts[A].pointer, state.contexts[A].cpu) == (1, 0)
    entered = after(system, (A, 1), (A, 0), (A, 0), (A, 0))
    assert entered.contexts[A].pointer == 0  # nobody looks at it any more: exit takes its own
    this_cpu = specify("atomic", Kernel(cpus=2, migrate_disable=False), callers=Callers(1, ()))
    assert after(this_cpu, (A, 1)).active == (0, 1)


# What counts as twice on a CPU.


def test_bodies_on_two_cpus_are_no_violation_until_one_of_them_moves() -> None:
    system = specify("atomic", Kernel(cpus=2, migrate_disable=False), callers=Callers(2, ()))
    run = follow(system, [Choice(A, 0), Choice(B, 1), Choice(A, 1)])
    assert [step.broken for _, step in run] == [(), (), (EXCLUSIVE,)]
    assert [step.switches for _, step in run] == [0, 0, 1]
    told = narrate(system, run)
    assert told.endings == (BodyOverlaps("body", 2, 1),)
    assert [turn_reason(row) for row in told if isinstance(row, Turn)] == [
        "on CPU 0; the CPU is idle; runs attempt",
        "on CPU 1; the CPU is idle; runs attempt",
        "on CPU 1; migration is not disabled",
    ]


def test_idle_is_when_no_cpu_has_an_attempt_in_flight() -> None:
    system = specify("atomic", Kernel(cpus=2), callers=Callers(2, ()))
    code = system.code[A].lines
    assert [line.text for line in code] == [
        "migrate_disable()", "ok = this_cpu_inc_return(active[rctx]) == 1", "body()", "this_cpu_dec(active[rctx])",
        "migrate_enable()",
    ]  # fmt: skip
    one = [(A, 0)] * len(code)
    assert not after(system, *one).entered
    assert after(system, (B, 1), *one).entered


# Sizes, with an interrupt on each CPU.

WITH_NMI = {
    ("atomic", "none", 2, True): Decided(1_078, HOLDS),
    ("atomic", "full", 2, True): Decided(3_950, HOLDS),
    ("v1", "none", 2, True): Decided(19_640, HOLDS),
    ("v1", "none", 2, False): Decided(7_631, HOLDS),
    ("merged", "full", 1, True): Decided(5_932, HOLDS),
    ("v1", "full", 1, False): Decided(460, ((2, 8), (1, 8), (1, 8), (1, 15))),
    ("merged", "full", 1, False): Decided(1_286, ((2, 12), (1, 12), (1, 12), (1, 23))),
}


@pytest.mark.parametrize("case", WITH_NMI)
def test_an_nmi_on_each_cpu(case: tuple[str, str, int, bool]) -> None:
    guard, model, tasks, pinned = case
    it = Configuration(guard, model, cpus=2, migrate_disable=pinned)
    assert it.decide(tasks, (Level.NMI,)) == WITH_NMI[case]


def test_a_cpu_more_only_makes_room() -> None:
    # Where nobody migrates, what holds on one CPU holds on two, and what is violated takes as many switches: an event
    # more for each migrate_disable(), migrate_enable() and this_cpu_ptr() on the way.
    for one, two in zip(configurations(GUARDS, [(1, True)]), configurations(GUARDS, [(2, True)]), strict=True):
        if one.guard in ("atomic", "v1", "merged", "plain-int"):
            alone, both = one.decide().lengths, two.decide().lengths
            assert [it and it[0] for it in alone] == [it and it[0] for it in both]
