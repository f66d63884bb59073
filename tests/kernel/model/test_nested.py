"""What an interrupt's run starts with, and what comes of it where it returns."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from ctxrace.core.property import Property
from ctxrace.core.system import Step
from ctxrace.kernel.model.interner import Interner
from ctxrace.kernel.model.nested import NestedInterrupts
from ctxrace.kernel.model.outcome import Role
from ctxrace.kernel.model.state import CRASHED, EVENT, UNLIMITED, Arrive, Group, KernelState, Task
from ctxrace.kernel.properties.coverage import arrives, runs
from ctxrace.kernel.properties.hang import HANG
from ctxrace.kernel.rules.contexts import Level
from ctxrace.kernel.scenario import Handler, balanced, exclusive
from ctxrace.machine.flow import Flow

BODY, OTHER, BALANCED = exclusive("body"), exclusive("other"), balanced("x")
SOFTIRQ, HARDIRQ, NMI = range(3)
HANDLERS = (Handler(Level.SOFTIRQ, "s"), Handler(Level.HARDIRQ, "h"), Handler(Level.NMI, "n"))
ALIKE = (Group(2, "a", 0), Group(1, "b", 0), Group(1, "", 0))
UNLIKE = (Group(1, "a", 0), Group(1, "b", 1), Group(1, "", 99))
IDLE = 7
"""The shared memory with which the CPU is idle here."""


class System:
    """A part of `KernelSystem`. active: the bodies that are active in each state; following: the steps of every state.

    The monitor calls `x` unbalanced wherever it is asked, and remembers the states it was asked about.
    """

    def __init__(self, groups: Sequence[Group] = ALIKE, *, cpu: int = 0) -> None:
        self.properties = (BODY, BALANCED, OTHER)
        self.cpu, self.groups, self.handlers = cpu, groups, HANDLERS
        self.contexts = object()
        self.flows = SimpleNamespace(numbers=Interner[Any]())
        self.flows.numbers("another flow")
        self.tasks: Interner[Task] = Interner()
        self.active: dict[tuple[KernelState, str], int] = {}
        self.following: list[Step] = []
        self.judged: list[KernelState] = []
        self.monitor = SimpleNamespace(idle=self.judge, activations=self.activations)

    def initial(self) -> KernelState:
        return KernelState(0, 0, self.tasks(Task(0, 0, 0)), (), (), ())

    def steps(self, state: KernelState) -> list[Step]:
        assert isinstance(state, KernelState)
        return self.following

    def is_idle(self, state: KernelState) -> bool:
        return state.shared == IDLE

    def judge(self, contexts: object, state: KernelState) -> tuple[Property, ...]:
        assert contexts is self.contexts
        self.judged.append(state)
        return (BALANCED,)

    def activations(self, contexts: object, state: KernelState, body: str) -> int:
        assert contexts is self.contexts
        return self.active.get((state, body), 0)


def nested(system: System) -> NestedInterrupts:
    return NestedInterrupts(system)  # type: ignore[arg-type]


def state(system: System, task: Task, *interrupts: int, arrivals: tuple[int, ...] = (), shared: int = 3) -> KernelState:
    return KernelState(shared, 5, system.tasks(task), ((8, 1),), interrupts, arrivals)


def arrival(before: KernelState, handler: int, frame: int) -> Step:
    return Step(Arrive(handler), before._replace(interrupts=(*before.interrupts, frame)), 1, 0)


TASK = Task(0, 11, 22, True, 4, 0)


def called(system: System, task: Task, *interrupts: int, handler: int = HARDIRQ, arrivals: tuple[int, ...] = ()) -> Any:  # noqa: ANN401
    before = state(system, task, *interrupts, arrivals=arrivals)
    begin = nested(system).called(before, arrival(before, handler, 40))
    return begin and begin.start


def test_what_a_handler_can_tell_of_what_it_cut_in_on() -> None:
    """Shared memory and current's task_struct; neither the other tasks, nor the interrupts below, nor the past."""
    system = System()
    found = called(system, TASK)
    assert found._replace(current=0) == KernelState(3, 0, 0, (), (40,), ())
    task = system.tasks.values[found.current]
    assert task._replace(flow=0) == Task(0, 0, 22, True, UNLIMITED)
    assert system.flows.numbers.values[task.flow] == (Role(Level.TASK, ""), Flow(-1, (), b""))  # that of no entry
    assert called(system, TASK, 30, 31) == found
    assert called(system, TASK._replace(flow=12, begun=False, attempts=1)) == found
    assert called(system, TASK._replace(task_struct=23)) != found


def test_tasks_with_the_same_addresses_are_one_to_a_handler() -> None:
    system = System()
    assert len({called(system, TASK._replace(group=group)) for group in range(3)}) == 1
    unlike = System(UNLIKE)
    assert len({called(unlike, TASK._replace(group=group)) for group in range(3)}) == 3


@pytest.mark.parametrize(
    ("handler", "left"),
    [(SOFTIRQ, (0, 6, 7)), (HARDIRQ, (0, 0, 7)), (NMI, (0, 0, 0))],
    ids=["softirq", "hardirq", "nmi"],
)
def test_which_handlers_may_still_arrive_over_a_handler(handler: int, left: tuple[int, ...]) -> None:
    """Those of a higher level, as often as they are left; which others are left, it cannot tell."""
    assert called(System(), TASK, handler=handler, arrivals=(5, 6, 7)).arrivals == left


def test_a_step_that_no_handler_arrives_with_calls_nothing() -> None:
    system = System()
    before = state(system, TASK, 30, 31)
    for after in (before, before._replace(interrupts=(30,)), before._replace(interrupts=(30, 32))):
        assert nested(system).called(before, Step(EVENT, after, 0, 1)) is None


def test_a_nested_run_ends_where_its_handler_has_returned() -> None:
    system = System()
    assert nested(system).ended(state(system, TASK))
    assert not nested(system).ended(state(system, TASK, 40))
    assert not nested(system).ended(state(system, TASK, shared=CRASHED))


def came_back(system: System, handler: int, end: KernelState, *interrupts: int, arrivals: tuple[int, ...] = ()) -> Any:  # noqa: ANN401
    before = state(system, TASK, *interrupts, arrivals=arrivals)
    run = nested(system)
    begin = run.called(before, arrival(before, handler, 40))
    assert begin is not None
    return run.returned(begin.below, end)


def ending(system: System, *, shared: int = 4, task_struct: int = 22, arrivals: tuple[int, ...] = ()) -> KernelState:
    current = system.tasks(Task(0, 77, task_struct, True, UNLIMITED))
    return KernelState(shared, 2, current, (), (), arrivals)


@pytest.mark.parametrize("interrupts", [(), (30,), (30, 31)])
def test_what_a_handler_cut_in_on_goes_on_with_what_it_has_left(interrupts: tuple[int, ...]) -> None:
    """Memory and current's task_struct are as the handler left them, all else is as before."""
    system = System()
    found = came_back(system, HARDIRQ, ending(system, task_struct=23), *interrupts)
    current = system.tasks(TASK._replace(task_struct=23))
    assert found == (KernelState(4, 7, current, ((8, 1),), interrupts, ()), (), ())
    assert not system.judged


@pytest.mark.parametrize(
    ("handler", "left"),
    [(SOFTIRQ, (5, 1, 1)), (HARDIRQ, (5, 6, 1)), (NMI, (5, 6, 7))],
    ids=["softirq", "hardirq", "nmi"],
)
def test_which_handlers_are_left_after_a_handler(handler: int, left: tuple[int, ...]) -> None:
    """Those of a higher level arrived in its run as often as it says; the others could not."""
    system = System()
    found = came_back(system, handler, ending(system, arrivals=(0, 1, 1)), arrivals=(5, 6, 7))
    assert found.state.arrivals == left


def test_where_the_cpu_is_idle_again_the_monitor_judges() -> None:
    """By what it remembers until then, which is nothing from then on. There an entry has come to its end."""
    system = System()
    found = came_back(system, HARDIRQ, ending(system, shared=IDLE))
    after = KernelState(IDLE, 7, system.tasks(TASK), ((8, 1),), (), ())
    assert system.judged == [after]
    assert found == (after._replace(since_idle=0), (BALANCED,), (HANG,))


def test_a_body_that_a_handler_enters_is_active_twice_where_it_is_below_it() -> None:
    system = System()
    run = nested(system)
    body, other = run.within
    assert body == Property("entered", ("body", "0"), "body is not entered")
    assert other == Property("entered", ("other", "0"), "other is not entered")
    over, idle = state(system, TASK, 30), state(system, TASK)
    elsewhere, others = over._replace(current=system.tasks(TASK._replace(flow=9))), over._replace(others=())
    system.active = {(over, "body"): 1, (elsewhere, "other"): 2}
    for _ in range(2):  # the second time it is known
        assert [run.outside(at, body) for at in (over, idle, elsewhere, others)] == [BODY, None, None, None]
        assert [run.outside(at, other) for at in (over, idle, elsewhere, others)] == [None, None, OTHER, None]
    assert run.outside(over, BALANCED) == BALANCED
    assert run.outside(over, BODY) == BODY


def test_a_body_that_a_handler_over_a_handler_enters_is_asked_for_outside_of_both() -> None:
    system = System()
    run = nested(system)
    body, _ = run.within
    before = state(system, TASK)
    begin = run.called(before, arrival(before, SOFTIRQ, 40))
    assert begin is not None
    inside = begin.start
    assert run.outside(inside, body) == body
    system.active = {(inside._replace(interrupts=(41,)), "body"): 1}
    assert run.outside(inside._replace(interrupts=(41,)), body) == BODY


def test_only_a_nested_run_tells_which_bodies_it_enters() -> None:
    system = System()
    run = nested(system)
    body, other = run.within
    before = state(system, TASK)
    begin = run.called(before, arrival(before, HARDIRQ, 40))
    assert begin is not None
    inside = begin.start
    enters = Step("enters", before, 0, 1, (BALANCED,), (runs("body"), runs("other"), arrives("hardirq", "h")))
    plain, seen = Step("plain", before, 0, 1), Step("seen", before, 0, 1, (), (arrives("hardirq", "h"),))
    system.following = [enters, plain, seen]
    assert run.steps(inside) == [enters._replace(broken=(BALANCED, body, other)), plain, seen]
    assert run.steps(before) == run.steps(state(system, TASK, 30)) == system.following


def test_it_is_of_one_cpu() -> None:
    """What is broken in a nested run of another CPU is something else."""
    first, second = System(), System(cpu=1)
    assert not {*nested(first).within} & {*nested(second).within}
    assert nested(first).properties == first.properties
    assert nested(first).initial() == first.initial()
