"""The specification under every preemption model and RCU flavour, for both kinds of programs, and real-time tasks."""

from collections.abc import Iterator, Sequence
from itertools import product

import pytest

from ctxrace.bpf.specification import (
    GUARDS,
    INTERRUPTS,
    SELECTIONS,
    Callers,
    Kernel,
    Line,
    Program,
    Specification,
    cond_resched,
    might_sleep,
    narrate,
    schedule,
    specify,
)
from ctxrace.bpf.specification.table import Configuration, Decided, configurations
from ctxrace.core.note import Note, NoteKind
from ctxrace.core.turn import Turn
from ctxrace.explore.expand import follow
from ctxrace.explore.search import search
from ctxrace.kernel.rules.contexts import Level
from ctxrace.kernel.rules.preemption import Preemption
from ctxrace.report.sentences.turn import turn_reason

GOOD = ("atomic", "merged")
PREEMPT = ("full", "lazy", "rt")

Lengths = tuple[tuple[int, int] | None, ...]
HOLDS: Lengths = (None,) * 4

# With softirq, hardirq and NMI on one CPU and 2 tasks: states, and switches/events of the shortest violation of
# exclusive, balanced, recovers and progress. What is written as "full" is true of lazy; "none" is true of voluntary.
RACES: Lengths = ((2, 6), (3, 10), (3, 10), (3, 10))
SKIPS: Lengths = (None, (1, 10), (1, 10), (1, 10))
INTERRUPTED: dict[tuple[str, str, bool, bool], tuple[int, Lengths]] = {  # guard, model, sleepable, RCU preemptible
    ("atomic", "none", False, True): (55, HOLDS),
    ("atomic", "none", False, False): (795, HOLDS),
    ("atomic", "none", True, True): (105, HOLDS),
    ("atomic", "full", False, True): (119, HOLDS),
    ("atomic", "full", False, False): (795, HOLDS),
    ("atomic", "full", True, True): (185, HOLDS),
    ("atomic", "rt", False, True): (521, HOLDS),
    ("atomic", "rt", True, True): (739, HOLDS),
    ("v1", "none", False, True): (1_896, HOLDS),
    ("v1", "none", False, False): (7_028, HOLDS),
    ("v1", "none", True, True): (3_398, HOLDS),
    ("v1", "full", False, True): (3_034, RACES),
    ("v1", "full", False, False): (7_028, HOLDS),
    ("v1", "full", True, True): (3_366, RACES),
    ("v1", "rt", False, True): (18_643, RACES),
    ("v1", "rt", True, True): (19_765, RACES),
    ("merged", "none", False, True): (19_026, HOLDS),
    ("merged", "none", False, False): (41_398, HOLDS),
    ("merged", "none", True, True): (33_608, HOLDS),
    ("merged", "full", False, True): (45_270, HOLDS),
    ("merged", "full", True, True): (61_310, HOLDS),
    ("merged", "rt", False, True): (56_791, HOLDS),
    ("merged", "rt", True, True): (74_775, HOLDS),
    ("no-exit", "rt", False, True): (83_469, SKIPS),
    ("no-exit", "none", True, True): (35_163, SKIPS),
    ("plain-int", "none", False, True): (694, HOLDS),
    ("plain-int", "none", True, True): (1_336, HOLDS),
    ("plain-int", "full", False, False): (3_488, HOLDS),
    ("plain-int", "full", True, True): (3_349, ((2, 4), (3, 10), (3, 10), (3, 14))),
    ("plain-int", "rt", False, True): (18_901, ((2, 4), (3, 9), (3, 9), (3, 13))),
    ("early-return", "full", False, False): (4_607, ((1, 6), None, None, None)),
    ("early-return", "none", True, True): (1_700, ((1, 4), (2, 8), (2, 8), (2, 10))),
    ("early-return", "full", True, True): (5_172, ((1, 4), (2, 8), (2, 8), (2, 10))),
}
SLOW = {("merged", "none", False, False), ("merged", "none", True, True), ("merged", "full", False, True)}
THE_SAME = {"none": "voluntary", "full": "lazy"}


def lengths(system: Specification) -> Lengths:
    found = search(system)
    assert found.exhausted or set(found.runs) == set(system.properties)
    told = [narrate(system, found.runs[it]) if it in found.runs else None for it in system.properties]
    return tuple((it.switches, len(it.events)) if it else None for it in told)


def taking_turns(system: Specification, labels: Sequence[int]) -> list[object]:
    """Return who may take the next event after `labels`."""
    state = follow(system, labels)[-1][1].state
    return [step.label for step in system.steps(state)]


def interrupted() -> Iterator[object]:
    for case in INTERRUPTED:
        yield pytest.param(case, marks=[pytest.mark.slow] if case in SLOW else [])


@pytest.mark.parametrize("case", list(interrupted()))
def test_verdicts_lengths_and_states_with_interrupts(case: tuple[str, str, bool, bool]) -> None:
    states, expected = INTERRUPTED[case]
    assert Configuration(*case).decide(2, INTERRUPTS) == Decided(states, expected)


@pytest.mark.parametrize("case", [case for case in INTERRUPTED if case[1] in THE_SAME and case[0] in ("atomic", "v1")])
def test_lazy_is_full_and_voluntary_is_none_where_nobody_calls_might_sleep(case: tuple[str, str, bool, bool]) -> None:
    guard, model, *program = case
    states, expected = INTERRUPTED[case]
    assert Configuration(guard, THE_SAME[model], *program).decide(2, INTERRUPTS) == Decided(states, expected)


@pytest.mark.parametrize("model", Preemption)
def test_the_rcu_flavour_is_nothing_to_a_sleepable_program(model: str) -> None:
    for guard in GUARDS:
        kernels = (Kernel(model, rcu_preemptible=it) for it in (True, False))
        one, other = (specify(guard, kernel, Program(sleepable=True)) for kernel in kernels)
        assert one.code == other.code and one.gives_way == other.gives_way


def test_debians_arm64_kernel_needs_the_merged_guard_for_sleepable_programs_only() -> None:
    # Linux 7.2 there has PREEMPT_LAZY without PREEMPT_RCU.
    def holds(guard: str, sleepable: bool) -> bool:
        return Configuration(guard, "lazy", sleepable, rcu_preemptible=False).decide(2, INTERRUPTS[:1]).holds

    assert [holds("v1", sleepable) for sleepable in (False, True)] == [True, False]
    assert [holds("merged", sleepable) for sleepable in (False, True)] == [True, True]


# Where a task may lose the CPU.


def test_where_rcu_is_not_preemptible_the_whole_attempt_is_one_piece() -> None:
    system = specify("v1", Kernel(rcu_preemptible=False), callers=Callers(2, ()))
    lines = [line.text for line in system.code[0].lines]
    assert (lines[0], lines[-1]) == ("rcu_read_lock()", "rcu_read_unlock()")
    for steps in range(1, len(lines)):
        assert taking_turns(system, [0] * steps) == [0]
    assert taking_turns(system, [0] * len(lines)) == [0, 1]


# After the line in the middle of a body may another task run? By the line, by the model.
GIVES_WAY = {
    schedule: (True, True, True, True, True),
    cond_resched: (True, True, True, True, True),
    might_sleep: (False, True, True, True, True),
}


@pytest.mark.parametrize(("line", "model"), list(product(GIVES_WAY, Preemption)))
def test_who_may_run_after_a_line_that_may_block(line: Line, model: Preemption) -> None:
    system = specify("merged", Kernel(model), Program(sleepable=True, blocking=line), Callers(2, ()))
    after = [0] * (system.code[0].inside.start + 1)
    assert system.code[0].lines[len(after) - 1] is line
    assert taking_turns(system, after) == ([0, 1] if GIVES_WAY[line][list(Preemption).index(model)] else [0])


@pytest.mark.parametrize(("line", "preempted"), [(schedule, [0, 1]), (cond_resched, [1]), (might_sleep, [1])])
def test_a_real_time_task_gives_way_only_where_it_blocks(line: Line, preempted: list[int]) -> None:
    system = specify("atomic", program=Program(sleepable=True, blocking=line), callers=Callers(2, (), fifo=1))
    assert taking_turns(system, [0]) == [0, 1]
    assert taking_turns(system, [0, 1]) == [1]
    assert taking_turns(system, [0, 1, 1]) == [0, 1]  # it was refused, and has finished
    assert taking_turns(system, [1, 1]) == preempted


def test_an_interrupts_body_does_not_block() -> None:
    system = specify("v1", program=Program(sleepable=True), callers=Callers(1))
    assert [schedule in code.lines for code in system.code] == [True, False, False, False]


def test_a_task_that_blocked_is_told_as_such() -> None:
    system = specify("atomic", Kernel("none"), Program(sleepable=True), Callers(2, ()))
    told = narrate(system, follow(system, [0, 0, 1]))
    assert [turn_reason(row) for row in told if isinstance(row, Turn)] == [
        "the CPU is idle; runs attempt",
        "task A sleeps, in schedule(); runs attempt",
    ]
    assert [(event.function, event.notes) for event in told.events] == [
        ("enter", (Note(NoteKind.ENTERS, "body"),)),
        ("body", ()),
        ("enter", (Note(NoteKind.REFUSED),)),
    ]


# Real-time tasks.

FIFO = {  # guard, tasks, real-time tasks among them, blocking: a task that does not block puts back what it found
    ("v1", 2, 1, False): HOLDS,
    ("v1", 2, 2, False): HOLDS,
    ("v1", 3, 2, False): HOLDS,
    ("v1", 3, 1, False): RACES,
    ("v1", 2, 1, True): ((2, 7), (3, 12), (3, 12), (3, 17)),
    ("v1", 2, 2, True): HOLDS,
    ("plain-int", 2, 1, False): HOLDS,
    ("plain-int", 2, 1, True): ((2, 5), (3, 10), (3, 10), (3, 14)),
    ("merged", 3, 1, True): HOLDS,
    ("atomic", 3, 1, True): HOLDS,
}


@pytest.mark.parametrize("case", FIFO)
def test_a_real_time_task_tears_its_victims_increment_only_if_it_blocks(case: tuple[str, int, int, bool]) -> None:
    guard, tasks, fifo, blocks = case
    callers = Callers(tasks, (), fifo=fifo)
    assert lengths(specify(guard, program=Program(sleepable=blocks), callers=callers)) == FIFO[case]


# PREEMPT_RT.


@pytest.mark.parametrize("guard", ["v1", "plain-int"])
def test_on_rt_one_task_and_a_softirq_are_two_tasks(guard: str) -> None:
    softirq = (Level.SOFTIRQ,)
    assert lengths(specify(guard, callers=Callers(1, softirq))) == HOLDS
    two_tasks = specify(guard, callers=Callers(2, ()))
    assert lengths(specify(guard, Kernel("rt"), callers=Callers(1, softirq))) == lengths(two_tasks)


def test_on_rt_a_softirq_shares_the_tasks_byte() -> None:
    system = specify("v1", Kernel("rt"), callers=Callers(1))
    assert system.names == ("A", "softirq", "softirq2", "hardirq", "nmi")
    assert system.rctx == (0, 0, 0, 2, 3)
    assert follow(system, [1, 1])[-1][1].state.active == (1, 0, 0, 0)
    # A task and another softirq preempt it, a hardirq and an NMI interrupt it.
    assert taking_turns(system, [1]) == [0, 1, 2, 3, 4]
    assert taking_turns(system, [1, 3]) == [3, 4]


def test_on_rt_a_softirq_preempts_no_real_time_task() -> None:
    assert taking_turns(specify("v1", Kernel("rt"), callers=Callers(1, (Level.SOFTIRQ,), fifo=1)), [0]) == [0]


# What the thread proposes instead of a new guard.


@pytest.mark.parametrize(("guard", "sleepable", "preemptible"), list(product(SELECTIONS, (False, True), (False, True))))
def test_a_selection_is_the_guard_that_it_takes(guard: str, sleepable: bool, preemptible: bool) -> None:
    atomic = {
        "atomic-if-rcu-preemptible": preemptible,
        "atomic-if-sleepable": sleepable,
        "atomic-if-either": sleepable or preemptible,
    }[guard]
    for model in Preemption:
        taken = Configuration("atomic" if atomic else "v1", model, sleepable, preemptible)
        assert Configuration(guard, model, sleepable, preemptible).decide() == taken.decide()


def test_each_proposal_is_wrong_where_the_other_is_right() -> None:
    violated = {guard: set[tuple[bool, bool]]() for guard in SELECTIONS}
    for it in configurations(SELECTIONS, [(1, True)]):
        if not it.decide().holds:
            assert it.model in PREEMPT
            violated[it.guard].add((it.sleepable, it.rcu_preemptible))
    assert violated == {
        "atomic-if-rcu-preemptible": {(True, False)},  # a sleepable program takes no rcu_read_lock()
        "atomic-if-sleepable": {(False, True)},
        "atomic-if-either": set(),
    }
