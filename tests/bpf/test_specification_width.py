"""How wide the counters must be: attempts in flight on a CPU, and the wrap that lets one too many in.

The law. With counters of b bits, `exclusive` holds while at most 2**b attempts are in flight on a CPU. The atomic int
is violated with one more, whatever its level: it is back at 0. The merged bytes count each level by itself, so 2**b
*tasks* are needed to bring a byte round; then one more context of any level is let in. With fewer tasks any number of
levels may cut in. So 256 tasks hold with bytes, and 257 attempts do not; with the int it is 2**32.
"""

from itertools import product

import pytest

from ctxrace.bpf.specification import (
    EXCLUSIVE,
    GUARDS,
    INTERRUPTS,
    Callers,
    Choice,
    Kernel,
    Program,
    Symmetric,
    UncountedSwitches,
    narrate,
    specify,
)
from ctxrace.core.ending import BodyOverlaps
from ctxrace.explore.expand import follow
from ctxrace.explore.search import search
from ctxrace.kernel.rules.contexts import Level

SOFTIRQ, HARDIRQ, NMI = ((level,) for level in INTERRUPTS)
OVER = {"nobody": (), "softirq": SOFTIRQ, "nmi": NMI, "hardirq, nmi": (*HARDIRQ, *NMI)}

# By guard, bits and who interrupts: how many tasks hold; one more violates. States on one side, events on the other.
BOUND = {
    ("atomic", 1, "nobody"): (2, 15, 3),
    ("atomic", 1, "softirq"): (1, 9, 3),
    ("atomic", 1, "nmi"): (1, 9, 3),
    ("atomic", 2, "nobody"): (4, 131, 5),
    ("atomic", 2, "softirq"): (3, 93, 5),
    ("atomic", 2, "nmi"): (3, 93, 5),
    ("atomic", 2, "hardirq, nmi"): (2, 61, 5),
    ("merged", 1, "nobody"): (2, 63, 15),
    ("merged", 1, "softirq"): (1, 129, 13),
    ("merged", 1, "nmi"): (1, 129, 13),
    ("merged", 1, "hardirq, nmi"): (1, 1_132, 13),
    ("merged", 2, "nobody"): (4, 703, 25),
    ("merged", 2, "softirq"): (3, 2_014, 23),
    ("merged", 2, "nmi"): (3, 2_014, 23),
    ("merged", 2, "hardirq, nmi"): (3, 17_961, 23),
}


@pytest.mark.parametrize("case", BOUND)
def test_one_task_more_than_the_bound_violates_exclusive(case: tuple[str, int, str]) -> None:
    guard, bits, over = case
    most, states, events = BOUND[case]
    holds = search(specify(GUARDS[guard].narrowed(bits), callers=Callers(most, OVER[over])))
    assert (holds.exhausted, holds.runs, holds.states) == (True, {}, states)
    one_more = specify(GUARDS[guard].narrowed(bits), callers=Callers(most + 1, OVER[over]))
    violated = search(one_more, frozenset({EXCLUSIVE}))
    assert len(violated.runs[EXCLUSIVE]) == events


def test_the_bounds_follow_the_law() -> None:
    for (guard, bits, over), (most, _, _) in BOUND.items():
        levels = len(OVER[over])
        if guard == "atomic":
            assert most + levels == 2**bits  # attempts of all levels in one int
        else:
            assert most == 2**bits - (levels > 0)  # tasks only; an interrupt on top of 2**bits of them is let in


def test_with_2_to_the_bits_in_flight_the_merged_bytes_let_any_level_in() -> None:
    for bits, level in product((1, 2), INTERRUPTS):
        tasks = 2**bits
        system = specify(GUARDS["merged"].narrowed(bits), callers=Callers(tasks, (level,)))
        enter = len(system.guard.enter)
        run = follow(system, [who for who in (*range(tasks), tasks) for _ in range(enter)])
        assert [step.broken for _, step in run] == [()] * (len(run) - 1) + [(EXCLUSIVE,)]
        assert run[-1][0].active[0] == 0  # all the tasks' increments together


# At the real width of a byte, tasks symmetric: they hold; one more, of any level, violates. States, events.
BYTE = {
    ("atomic", "nobody"): (256, 515, 257),
    ("atomic", "softirq"): (255, 1_025, 257),
    ("merged", "nobody"): (256, 4_095, 1_285),
    ("merged", "nmi"): (255, 36_705, 1_283),
}


@pytest.mark.parametrize(
    ("guard", "over"), [pytest.param(*it, marks=[pytest.mark.slow] if it == ("merged", "nmi") else []) for it in BYTE]
)
def test_256_attempts_in_flight_hold_and_257_do_not(guard: str, over: str) -> None:
    most, states, events = BYTE[guard, over]
    holds = search(Symmetric(specify(GUARDS[guard].narrowed(8), callers=Callers(most, OVER[over]))))
    assert (holds.exhausted, holds.runs, holds.states) == (True, {}, states)
    system = Symmetric(specify(GUARDS[guard].narrowed(8), callers=Callers(most + 1, OVER[over])))
    run = search(system, frozenset({EXCLUSIVE})).runs[EXCLUSIVE]
    told = narrate(system.system, system.unfold(run))
    assert (told.endings, told.switches, len(told.events)) == ((BodyOverlaps("body", 2),), 256, events)
    assert sum(it.at > 0 for it in run[-1][1].state.contexts) == 257


@pytest.mark.parametrize(("guard", "tasks", "levels"), list(product(GUARDS, (1, 2, 3), (0, 1))))
def test_folding_tasks_changes_no_verdict_and_no_length(guard: str, tasks: int, levels: int) -> None:
    plain = specify(GUARDS[guard].narrowed(2), callers=Callers(tasks, INTERRUPTS[:levels]))

    def found(system: Symmetric | UncountedSwitches) -> tuple[int, dict[str, int]]:
        result = search(system)
        assert result.exhausted or set(result.runs) == set(system.properties)
        if isinstance(system, Symmetric):
            for broken, run in result.runs.items():  # told apart again, the run breaks the same, in as many events
                apart = system.unfold(run)
                assert broken in apart[-1][1].broken
                again = follow(plain, [step.label for _, step in apart])
                assert [step.state for _, step in again] == [step.state for _, step in apart]
        return result.states, {broken.kind: len(run) for broken, run in result.runs.items()}

    (fewer, alike), (more, apart) = found(Symmetric(plain)), found(UncountedSwitches(plain))
    assert alike == apart
    assert (fewer < more) == (tasks > 1)


def test_an_early_interrupt_counts_among_the_tasks() -> None:
    # One bit: the task, and an early softirq over it, bring byte 0 round; the NMI over both is let in.
    def violated(entry_window: bool) -> int:
        callers = Callers(1, (Level.SOFTIRQ, Level.NMI), entry_window=entry_window)
        system = specify(GUARDS["merged"].narrowed(1), callers=callers)
        found = search(system, frozenset({EXCLUSIVE}))
        return len(found.runs.get(EXCLUSIVE, []))

    assert [violated(False), violated(True)] == [0, 13]
    system = specify(GUARDS["merged"].narrowed(1), callers=Callers(1, (Level.SOFTIRQ, Level.NMI), entry_window=True))
    run = follow(system, [*[0] * 5, Choice(1, 0, True), *[1] * 2, *[2] * 5])
    assert run[-1][1].broken == (EXCLUSIVE,)


@pytest.mark.parametrize("model", ["none", "full"])
def test_sleepable_programs_reach_the_bound_by_blocking(model: str) -> None:
    # 2**bits tasks hold; the attempts are in flight because their bodies block, also where nobody is preempted. Only
    # one is let in, and a refused one does not stop, so without preemption there is no wrap.
    found = search(specify(GUARDS["atomic"].narrowed(1), Kernel(model), Program(sleepable=True), Callers(3, ())))
    assert (EXCLUSIVE in found.runs) == (model == "full")
