"""Several programs at one attach point, and recursion proper: a program that calls the function it is attached to."""

import pytest

from ctxrace.bpf.specification import (
    EXCLUSIVE,
    GUARDS,
    PROGRESS,
    Callers,
    Kernel,
    Program,
    Specification,
    narrate,
    specify,
)
from ctxrace.core.errors import ScenarioError
from ctxrace.core.note import Note, NoteKind
from ctxrace.explore.expand import follow
from ctxrace.explore.search import search
from ctxrace.kernel.rules.contexts import Level

HOLDS = (None,) * 4
RACES = ((2, 6), (3, 10), (3, 10), (3, 10))


def decided(system: Specification) -> tuple[int, tuple[tuple[int, int] | None, ...]]:
    """Return the states, and switches/events of the shortest violation of each property."""
    found = search(system)
    assert found.exhausted or set(found.runs) == set(system.properties)
    told = [narrate(system, found.runs[it]) if it in found.runs else None for it in system.properties]
    return found.states, tuple((it.switches, len(it.events)) if it else None for it in told)


# Recursion, in one context.

RECURSIVE = {  # guard, model, tasks
    ("atomic", "full", 1): (5, HOLDS),
    ("atomic", "full", 2): (35, HOLDS),
    ("v1", "full", 1): (11, HOLDS),
    ("v1", "none", 2): (21, HOLDS),
    ("v1", "full", 2): (557, RACES),
    ("merged", "full", 1): (19, HOLDS),
    ("merged", "full", 2): (153, HOLDS),
    ("plain-int", "full", 1): (9, HOLDS),
    # Nobody interrupts it, and it leaks: the nested attempt is refused, and does not exit.
    ("no-exit", "full", 1): (16, (None, (0, 15), (0, 15), None)),
    ("early-return", "full", 1): (517, (None, (0, 7), (0, 7), (0, 9))),
}


@pytest.mark.parametrize("case", RECURSIVE)
def test_recursion_in_the_same_context(case: tuple[str, str, int]) -> None:
    guard, model, tasks = case
    assert decided(specify(guard, Kernel(model), Program(recursive=True), Callers(tasks, ()))) == RECURSIVE[case]


@pytest.mark.parametrize("guard", GUARDS)
def test_the_nested_attempt_is_refused(guard: str) -> None:
    system = specify(guard, program=Program(recursive=True), callers=Callers(1, ()))
    enter = len(system.guard.enter)
    told = narrate(system, follow(system, [0] * len(system.code[0].lines)))
    notes = [(event.function, event.notes) for event in told.events if event.notes]
    assert notes == [
        ("enter", (Note(NoteKind.ENTERS, "body"),)),
        ("enter", (Note(NoteKind.REFUSED),)),
        ("body", (Note(NoteKind.LEAVES, "body"),)),
    ]
    assert [event.notes for event in told.events].index((Note(NoteKind.REFUSED),)) == 2 * enter - 1


def test_a_nested_attempt_that_is_let_in_is_two_bodies_in_one_context() -> None:
    # A counter of one bit is 0 again where another task is in flight, and 1 with the nested attempt.
    system = specify(GUARDS["atomic"].narrowed(1), program=Program(recursive=True), callers=Callers(2, ()))
    run = follow(system, [0, 1, 0])
    assert [step.broken for _, step in run] == [(), (), (EXCLUSIVE,)]
    alone = specify(GUARDS["atomic"].narrowed(1), program=Program(recursive=True), callers=Callers(1, ()))
    assert decided(alone)[1] == HOLDS


@pytest.mark.parametrize("guard", ["atomic", "v1", "merged"])
def test_an_interrupt_in_the_midst_of_recursion(guard: str) -> None:
    states, lengths = decided(specify(guard, program=Program(recursive=True), callers=Callers(1, (Level.NMI,))))
    assert (states, lengths) == ({"atomic": 17, "v1": 84, "merged": 255}[guard], HOLDS)


def test_rcu_and_migration_nest() -> None:
    system = specify("v1", Kernel(rcu_preemptible=False, cpus=2), Program(recursive=True), Callers(1, ()))
    depths = [step.state.contexts[0].off for _, step in follow(system, _alone(system))]
    assert (max(depths), depths[-1]) == (2, 0)
    system = specify("v1", Kernel(cpus=2), Program(recursive=True), Callers(1, ()))
    depths = [step.state.contexts[0].pinned for _, step in follow(system, _alone(system))]
    assert (max(depths), depths[-1]) == (2, 0)


def _alone(system: Specification) -> list[object]:
    """Return the labels of one undisturbed attempt of the first task on the first CPU."""
    return [next(iter(system.steps(system.initial()))).label] * len(system.code[0].lines)


# Several programs.

SEVERAL = {  # guard, model, programs, CPUs; 2 tasks
    ("atomic", "none", 2, 1): (11, HOLDS),
    ("atomic", "full", 2, 1): (85, HOLDS),
    ("atomic", "none", 2, 2): (307, HOLDS),
    ("v1", "none", 2, 1): (23, HOLDS),
    # As with one, or with a whole attempt of both tasks at the other program besides, 6 events each.
    ("v1", "full", 2, 1): (1_585, ((2, 6), (3, 22), (3, 22), (3, 22))),
    ("merged", "full", 2, 1): (339, HOLDS),
    ("merged", "none", 2, 2): (2_475, HOLDS),
    ("no-exit", "full", 2, 1): (425, (None, (2, 35), (2, 35), None)),
}


@pytest.mark.parametrize("case", SEVERAL)
def test_several_programs_at_one_attach_point(case: tuple[str, str, int, int]) -> None:
    guard, model, programs, cpus = case
    assert decided(specify(guard, Kernel(model, cpus=cpus), Program(count=programs), Callers(2, ()))) == SEVERAL[case]


def test_each_program_has_its_own_counters_and_a_body_of_its_own() -> None:
    system = specify("v1", program=Program(count=2), callers=Callers(2, ()))
    assert len(system.initial().active) == 8
    in_both = follow(system, [*[0] * 3, *[1] * 5, *[1] * 3])  # B is refused at the first, and let in at the second
    assert [step.broken for _, step in in_both] == [()] * len(in_both)
    state = in_both[-1][1].state
    assert [system.inside(who, it) for who, it in enumerate(state.contexts)] == [0, 1]
    assert (state.active, state.entered) == ((1, 0, 0, 0, 1, 0, 0, 0), 0b11)
    told = narrate(system, in_both)
    assert told.events[1].accesses[0].name == "prog1->active[0]"
    assert told.events[-2].accesses[0].name == "prog2->active[0]"


def test_progress_is_of_each_program() -> None:
    # The first program of both is refused by the other's increment; the second one runs in both.
    system = specify("v1", program=Program(count=2), callers=Callers(2, ()))
    run = follow(system, [0, 0, 1, 1, 1, 0, 0, 0, 1, 1, *[0] * 6, *[1] * 6])
    assert run[-1][1].broken == (PROGRESS,)


def test_there_is_at_least_one_program() -> None:
    assert specify("v1").code == specify("v1", program=Program(count=1)).code
    with pytest.raises(ScenarioError, match="0 programs: the specification has 1 or more"):
        specify("v1", program=Program(count=0))
