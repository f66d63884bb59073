"""The window before an interrupt is accounted for, and after: the traced function is called in it."""

from itertools import product

import pytest

from ctxrace.bpf.specification import (
    BALANCED,
    INTERRUPTS,
    Callers,
    Choice,
    Kernel,
    Specification,
    State,
    narrate,
    specify,
)
from ctxrace.core.turn import Turn, TurnKind
from ctxrace.explore.expand import follow
from ctxrace.explore.search import search
from ctxrace.kernel.rules.contexts import ACCOUNTING, Level
from ctxrace.report.sentences.turn import turn_reason

A, SOFTIRQ, HARDIRQ, NMI = range(4)
EARLY = True


def labels(*takers: int | tuple[int, bool]) -> list[object]:
    return [it if isinstance(it, int) else Choice(it[0], 0, it[1]) for it in takers]


def after(system: Specification, *takers: int | tuple[int, bool]) -> State:
    state: State = follow(system, labels(*takers))[-1][1].state
    return state


def arrivals(system: Specification, state: State) -> list[tuple[int, bool]]:
    """Return the handlers that may arrive, and whether early."""
    choices = [system.choice(step) for step in system.steps(state)]
    return [(it.who, it.early) for it in choices if it.who != A and not state.contexts[it.who].at]


def test_every_interrupt_may_arrive_either_way() -> None:
    system = specify("v1", callers=Callers(1, entry_window=True))
    both = [(who, early) for who, early in product((SOFTIRQ, HARDIRQ, NMI), (False, True))]
    assert arrivals(system, after(system, A)) == both
    assert arrivals(specify("v1", callers=Callers(1)), after(system, A)) == both[::2]


def test_in_the_window_interrupts_are_off() -> None:
    # Of a softirq, too: it turns them on once it has been accounted for.
    system = specify("v1", callers=Callers(1, entry_window=True))
    nmi = [(NMI, False), (NMI, True)]
    assert arrivals(system, after(system, SOFTIRQ)) == [(HARDIRQ, False), (HARDIRQ, True), *nmi]
    assert arrivals(system, after(system, (SOFTIRQ, EARLY))) == nmi
    assert arrivals(system, after(system, (HARDIRQ, EARLY))) == nmi
    assert arrivals(system, after(system, (NMI, EARLY))) == []


@pytest.mark.parametrize(
    ("takers", "who", "rctx"),
    [
        (((SOFTIRQ, EARLY),), SOFTIRQ, 0),
        (((NMI, EARLY),), NMI, 0),
        ((SOFTIRQ, (HARDIRQ, EARLY)), HARDIRQ, 1),
        ((SOFTIRQ, (NMI, EARLY)), NMI, 1),
        ((SOFTIRQ, HARDIRQ, (NMI, EARLY)), NMI, 2),
        ((SOFTIRQ, (HARDIRQ, EARLY), (NMI, EARLY)), NMI, 1),
        (((HARDIRQ, EARLY), NMI), NMI, 3),
        (((HARDIRQ, EARLY), (NMI, EARLY)), NMI, 0),
    ],
)
def test_the_counter_is_that_of_whom_it_interrupted(
    takers: tuple[int | tuple[int, bool], ...], who: int, rctx: int
) -> None:
    system = specify("v1", callers=Callers(1, entry_window=True))
    before = after(system, *takers)
    state = after(system, *takers, who)  # it loads, and stores
    changed = [number for number, (old, new) in enumerate(zip(before.active, state.active, strict=True)) if old != new]
    assert changed == [rctx]
    exits = after(system, *takers, *[who] * 5)
    assert (exits.active, exits.contexts[who].at) == (before.active, 0)


def test_on_rt_a_softirq_is_no_interrupt_and_has_no_window() -> None:
    system = specify("v1", Kernel("rt"), callers=Callers(1, entry_window=True))
    softirqs, hardirq = [(1, False), (2, False)], 3  # two tasks serve softirqs
    assert arrivals(system, after(system, A)) == [*softirqs, (3, False), (3, True), (4, False), (4, True)]
    assert after(system, SOFTIRQ, (hardirq, EARLY), hardirq).active == (1, 0, 0, 0)


# One task or two, with softirq, hardirq and NMI, each accounted for or not: what holds without the window holds with
# it, for an interrupt puts back what it found, whatever counter it takes.
NESTED = {
    ("atomic", "none", 1): 93,
    ("atomic", "full", 2): 305,
    ("v1", "none", 1): 3_704,
    ("v1", "none", 2): 6_655,
    ("merged", "none", 1): 37_793,
    ("plain-int", "none", 2): 2_325,
}


@pytest.mark.parametrize("case", [*NESTED, pytest.param(("merged", "full", 2), marks=pytest.mark.slow)])
def test_a_guard_that_holds_holds_with_the_window(case: tuple[str, str, int]) -> None:
    guard, model, tasks = case
    found = search(specify(guard, Kernel(model), callers=Callers(tasks, entry_window=True)))
    assert (found.exhausted, found.runs) == (True, {})
    assert found.states == NESTED.get(case, 169_889)


@pytest.mark.parametrize(("model", "tasks"), [("none", 2), ("full", 2), ("rt", 1)])
def test_the_races_of_v1_are_not_shorter_with_the_window(model: str, tasks: int) -> None:
    callers = (Callers(tasks, entry_window=it) for it in (True, False))
    with_it, without = (search(specify("v1", Kernel(model), callers=it)) for it in callers)
    assert {it: len(run) for it, run in with_it.runs.items()} == {it: len(run) for it, run in without.runs.items()}


def test_the_window_lets_early_return_leak_with_one_task() -> None:
    # Without it, an interrupt never meets its own byte taken, so nobody is refused, and nothing leaks.
    without = search(specify("early-return", callers=Callers(1)))
    assert (without.exhausted, [it.kind for it in without.runs]) == (True, ["exclusive"])
    system = specify("early-return", callers=Callers(1, entry_window=True))
    found = search(system)
    assert {it.kind: len(run) for it, run in found.runs.items()} == {
        "exclusive": 4, "balanced": 7, "recovers": 7, "progress": 9
    }  # fmt: skip
    told = narrate(system, found.runs[BALANCED])
    assert [turn_reason(row) for row in told if isinstance(row, Turn) and row.kind is TurnKind.ARRIVAL] == [
        "interrupts and bottom halves are on; over task A, the preempt count does not say so, runs attempt"
    ]


def test_the_preempt_count_is_told_without_whom_it_does_not_tell_of() -> None:
    system = specify("merged", callers=Callers(1, entry_window=True))
    told = narrate(system, follow(system, labels(A, (HARDIRQ, EARLY), NMI)))
    nmi = ACCOUNTING[Level.NMI]
    assert [str(access) for event in told.events for access in event.accesses] == [
        "preempt_count 0 ➜ 1",
        "preempt_count 1 ➜ 2",
        f"preempt_count {nmi + 2:#x} ➜ {nmi + 3:#x}",
    ]
    assert [event.instruction for event in told.events] == ["preempt_disable()"] * 3


def test_every_interrupt_can_be_early_in_one_moment() -> None:
    # A proof that leaves none of them out: all levels early at once, one over the other, as far as masking allows.
    system = specify("v1", callers=Callers(1, INTERRUPTS, entry_window=True, attempts=1))
    early = set[tuple[bool, ...]]()
    waiting, seen = [system.initial()], {system.initial()}
    while waiting:
        state = waiting.pop()
        early.add(tuple(it.early for it in state.contexts[1:]))
        new = {step.state for step in system.steps(state)} - seen
        seen |= new
        waiting += new
    assert (False, True, True) in early and (True, False, True) in early
    assert (True, True, False) not in early  # a hardirq cannot cut in on an early softirq
