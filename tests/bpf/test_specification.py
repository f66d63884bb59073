"""The specification by itself, with its state counts pinned, and against the machine code."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import product
from math import inf

import pytest

from ctxrace.bpf.guards.known import GUARDS as FILES
from ctxrace.bpf.specification import (
    BALANCED,
    COMPILED,
    EXCLUSIVE,
    GUARDS,
    INTERRUPTS,
    PROGRESS,
    Callers,
    Kernel,
    Specification,
    State,
    UncountedSwitches,
    narrate,
    specify,
)
from ctxrace.core.ending import BodyNeverRan
from ctxrace.core.errors import ScenarioError
from ctxrace.core.interleaving import Event, Interleaving
from ctxrace.core.note import NoteKind
from ctxrace.core.turn import Turn
from ctxrace.explore.expand import follow
from ctxrace.explore.search import Exploration, search
from ctxrace.kernel.rules.contexts import ACCOUNTING, Level
from ctxrace.report.text import render_interleaving

from .guard_cases import guard_case

# States and transitions with 2 and with 3 tasks under full preemption, each context making one attempt. SPIN and
# another explorer count the same.
ALONE = {
    "atomic": ((19, 26), (72, 147)),
    "v1": ((128, 198), (2_625, 6_099)),
    "merged": ((81, 88), (414, 489)),
}
INTERRUPTED = {
    "atomic": ((581, 1_078), (1_876, 3_944)),
    "v1": ((28_302, 35_889), (568_797, 734_674)),
    "merged": ((77_506, 87_468), (387_421, 436_972)),
}
SLOW = {("v1", 3), ("merged", 3)}

EVERYTHING = list(product(GUARDS, ("none", "full"), (1, 2, 3)))
ONE_TO_ONE = [case for case in EVERYTHING if case[0] != "atomic"]


def counts(guard: str, tasks: int, interrupts: tuple[Level, ...]) -> tuple[int, int]:
    system = UncountedSwitches(specify(guard, callers=Callers(tasks, interrupts, attempts=1)))
    found = search(system, frozenset())
    assert found.exhausted
    return found.states, found.transitions


@pytest.mark.parametrize(("guard", "tasks"), list(product(ALONE, (2, 3))))
def test_state_counts_without_interrupts(guard: str, tasks: int) -> None:
    assert counts(guard, tasks, ()) == ALONE[guard][tasks - 2]


def interrupted() -> Iterator[object]:
    for guard, tasks in product(INTERRUPTED, (2, 3)):
        yield pytest.param(guard, tasks, marks=[pytest.mark.slow] if (guard, tasks) in SLOW else [])


@pytest.mark.parametrize(("guard", "tasks"), list(interrupted()))
def test_state_counts_with_softirq_hardirq_and_nmi(guard: str, tasks: int) -> None:
    assert counts(guard, tasks, INTERRUPTS) == INTERRUPTED[guard][tasks - 2]


def decided(guard: str, preemption: str, tasks: int) -> tuple[Specification, Exploration]:
    system = specify(guard, Kernel(preemption), callers=Callers(tasks))
    found = search(system)
    assert found.exhausted or set(found.runs) == set(system.properties)
    assert found.shortest == set(found.runs)
    return system, found


def length(told: Interleaving) -> tuple[int, int]:
    return told.switches, len(told.events)


@pytest.mark.parametrize(("guard", "preemption", "tasks"), EVERYTHING)
def test_verdicts_and_lengths_are_those_of_the_machine_code(guard: str, preemption: str, tasks: int) -> None:
    # Event by event the same, so the lengths are the same. Where it is not, the atomic guard, nothing is violated.
    system, found = decided(guard, preemption, tasks)
    mine = {broken.kind: length(narrate(system, run)) for broken, run in found.runs.items()}
    assert guard != "atomic" or mine == {}
    for file in COMPILED[guard]:
        verdicts = guard_case(file, preemption, tasks=tasks).check().verdicts
        assert {verdict.property.kind for verdict in verdicts} == {wanted.kind for wanted in system.properties}
        theirs = {v.property.kind: length(v.interleaving) for v in verdicts if v.interleaving is not None}
        assert theirs == mine


@pytest.mark.parametrize(("guard", "preemption", "tasks"), ONE_TO_ONE)
def test_the_machine_codes_interleavings_happen_here(guard: str, preemption: str, tasks: int) -> None:
    # Who takes each event is taken over; what it reads, writes, enters and breaks must follow.
    system = specify(guard, Kernel(preemption), callers=Callers(tasks))
    (file,) = COMPILED[guard]
    for verdict in guard_case(file, preemption, tasks=tasks).check().verdicts:
        if verdict.interleaving is not None:
            run = follow(system, [system.names.index(event.context) for event in verdict.interleaving.events])
            told = narrate(system, run)
            assert list(map(seen, told.events)) == list(map(seen, verdict.interleaving.events))
            assert told.switches == verdict.interleaving.switches
            assert verdict.property.kind in {broken.kind for broken in run[-1][1].broken}


def seen(event: Event) -> tuple[str, list[str], list[str]]:
    # That the guard refuses is not noted of machine code.
    notes = [str(note) for note in event.notes if note.kind is not NoteKind.REFUSED]
    return event.context, list(map(str, event.accesses)), notes


def test_every_c_file_has_a_specification() -> None:
    assert {file for files in COMPILED.values() for file in files} == set(FILES)
    assert set(COMPILED) == set(GUARDS)


def test_without_a_bound_no_exit_counts_its_byte_round_and_both_run() -> None:
    # The machine code does it in as many events: see test_guards.py, where they are worked out.
    system = specify("no-exit", callers=Callers(attempts=inf))
    found = search(system, frozenset({EXCLUSIVE}))
    assert length(narrate(system, found.runs[EXCLUSIVE])) == (1, 1285)


def test_the_guards_read_as_c(golden: Callable[[str, str], None]) -> None:
    golden("specification-guards.txt", "\n".join(f"{name}\n{guard}\n" for name, guard in GUARDS.items()))


@pytest.mark.parametrize(("broken", "name"), [(EXCLUSIVE, "both-run"), (BALANCED, "leak")])
def test_the_races_of_v1_as_they_are_told(broken: object, name: str, golden: Callable[[str, str], None]) -> None:
    system, found = decided("v1", "full", 2)
    (run,) = (run for wanted, run in found.runs.items() if wanted == broken)
    golden(f"specification-v1-{name}.txt", render_interleaving(narrate(system, run)))


def test_the_table_that_it_prints_when_run_by_itself(golden: Callable[[str, str], None]) -> None:
    command = [sys.executable, "-m", "ctxrace.bpf.specification"]
    golden("specification-table.txt", subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def test_the_authors_race_neither_runs_happens() -> None:
    # thread/review-2025-12-17.txt: A and B increment, both read 2, both decrement, in turn. He is right that nothing
    # leaks here, and that neither runs.
    system = specify("v1", callers=Callers(2, ()))
    run = follow(system, [0, 0, 1, 1, 1, 0, 0, 0, 1, 1])
    after: State = run[-1][1].state
    assert run[-1][1].broken == (PROGRESS,)
    assert after == system.initial()
    assert narrate(system, run).endings == (BodyNeverRan("attempt", "body", overlapped=True),)


def test_the_bots_step_7_is_impossible() -> None:
    # "Neither calls put": exit follows every refused enter. Only the trampoline that no-exit describes skips it.
    system = specify("v1", callers=Callers(2, ()))
    refused = follow(system, [0, 0, 1, 1, 1])[-1][1].state
    assert refused.contexts[1].at == len(system.guard.enter) + 1
    system = specify("no-exit", callers=Callers(1))
    over = follow(system, [0, 0, 0, 3, 3, 3, 3, 3, 0, 0])[-1][1].state
    assert (over.active, over.contexts[0].at) == ((1, 0, 0, 1), 0)


def test_nobody_is_preempted_with_preemption_off() -> None:
    system = specify("merged", callers=Callers(3, ()))
    for steps in range(1, 5):
        state = follow(system, [1] * steps)[-1][1].state
        assert [step.label for step in system.steps(state)] == [1]
    on_again = follow(system, [1] * 5)[-1][1].state
    assert [step.label for step in system.steps(on_again)] == [0, 1, 2]
    none = specify("v1", Kernel("none"), callers=Callers(2, ()))
    assert [step.label for step in none.steps(follow(none, [0])[-1][1].state)] == [0]


def test_only_higher_levels_arrive() -> None:
    system = specify("v1", callers=Callers(1))
    names = {level: number for number, level in enumerate(system.levels)}

    def may_follow(labels: list[int]) -> list[Level]:
        state = follow(system, labels)[-1][1].state
        return [system.levels[who] for step in system.steps(state) if isinstance(who := step.label, int)]

    task, softirq, hardirq, nmi = Level
    assert may_follow([names[task]]) == [task, softirq, hardirq, nmi]
    assert may_follow([names[softirq]]) == [softirq, hardirq, nmi]
    assert may_follow([names[hardirq]]) == [hardirq, nmi]
    assert may_follow([names[nmi]]) == [nmi]


def test_switches_are_preemptions_resumptions_and_arrivals() -> None:
    system = specify("plain-int", callers=Callers(2, (Level.NMI,)))
    # A begins, B preempts it, A goes on and finishes, B goes on, an NMI comes and goes, B finishes, A begins again.
    labels = [0, 1, 0, 0, 0, 0, 1, 2, 2, 2, 2, 1, 1, 1, 0]
    run = follow(system, labels)
    assert [step.switches for _, step in run] == [0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0]
    turns = [(row.kind, row.context) for row in narrate(system, run) if isinstance(row, Turn)]
    assert turns == [
        ("start", "A"), ("switch", "B"), ("switch", "A"), ("finish", "A"), ("switch", "B"), ("arrival", "nmi"),
        ("return", "nmi"), ("finish", "B"), ("start", "A"),
    ]  # fmt: skip


def test_preempt_count_is_told_with_the_interrupts_over_the_task() -> None:
    system = specify("merged", callers=Callers(1))
    told = narrate(system, follow(system, [0, 3]))
    nmi = ACCOUNTING[Level.NMI]
    assert [str(access) for event in told.events for access in event.accesses] == [
        "preempt_count 0 ➜ 1",
        f"preempt_count {nmi + 1:#x} ➜ {nmi + 2:#x}",
    ]
    idle = narrate(system, follow(system, [3])).events[0].accesses[0]
    assert idle.before == nmi + 1  # the idle task runs with preemption off


def test_unknown_names_are_errors_that_list_what_exists() -> None:
    with pytest.raises(ScenarioError, match="no guard 'v2'; the specification has: atomic, v1, merged"):
        specify("v2")
    with pytest.raises(
        ScenarioError, match=r"no preemption model 'some'; the specification has: none, voluntary, full, lazy, rt$"
    ):
        specify("v1", Kernel("some"))
    with pytest.raises(ScenarioError, match="0 tasks: the specification has 1 to 1024"):
        specify("v1", callers=Callers(0))
    with pytest.raises(ScenarioError, match="0 CPUs: the specification has 1 or more"):
        specify("v1", Kernel(cpus=0))
    with pytest.raises(ScenarioError, match="3 real-time tasks of 2: the specification has 0 to 2"):
        specify("v1", callers=Callers(fifo=3))
    with pytest.raises(ScenarioError, match="counters of 0 bits: the specification has 1 to 32"):
        specify(GUARDS["v1"].narrowed(0))
