"""Which tasks there are, which of them count as one another, and what a fresh one has."""

from types import SimpleNamespace
from typing import Any

import pytest

from ctxrace.kernel.model.groups import fresh_task_struct, groups_of, softirqs_at_once, tasks_of
from ctxrace.kernel.model.state import Group
from ctxrace.kernel.rules.contexts import Level
from ctxrace.kernel.rules.preemption import Preemption
from ctxrace.kernel.scenario import Handler, Scenario, Tasks

IDLE = 99
TASKS = (Tasks(2, "a"), Tasks(1, "b", fifo=True))
HANDLERS = (Handler(Level.SOFTIRQ, "s"), Handler(Level.HARDIRQ, "h"), Handler(Level.SOFTIRQ, "t"))


def layout() -> Any:  # noqa: ANN401 - a part of Layout
    """A layout that says what it was asked for."""

    def task_struct(identity: int, address: int | None = None, *, softirq: bool = False) -> tuple[object, ...]:
        return identity, address, softirq

    return SimpleNamespace(idle=IDLE, task_struct=task_struct)


@pytest.mark.parametrize("preemption", [Preemption.FULL, Preemption.RT])
def test_tasks_that_count_as_one_another(preemption: Preemption) -> None:
    """All have the addresses of task 0, the idle one, too. The softirqs are tasks only on PREEMPT_RT."""
    found = groups_of(Scenario(TASKS, HANDLERS, preemption), layout(), symmetric=True)
    softirqs = [Group(2, "s", 0, Level.SOFTIRQ), Group(2, "t", 0, Level.SOFTIRQ)]
    assert found == [
        Group(2, "a", 0),
        Group(1, "b", 0, fifo=True),
        *(softirqs if preemption is Preemption.RT else []),
        Group(1, "", 0),
    ]


@pytest.mark.parametrize("preemption", [Preemption.FULL, Preemption.RT])
def test_tasks_that_differ_have_addresses_of_their_own(preemption: Preemption) -> None:
    found = groups_of(Scenario((*TASKS, Tasks(2, "c")), HANDLERS, preemption), layout(), symmetric=False)
    softirqs = [Group(1, "s" if number < 7 else "t", number, Level.SOFTIRQ) for number in range(5, 9)]
    assert found == [
        Group(1, "a", 0),
        Group(1, "a", 1),
        Group(1, "b", 2, fifo=True),
        Group(1, "c", 3),
        Group(1, "c", 4),
        *(softirqs if preemption is Preemption.RT else []),
        Group(1, "", IDLE),
    ]


@pytest.mark.parametrize(("preemption", "cpus", "tasks"), [("full", 1, 3), ("full", 2, 3), ("rt", 1, 7), ("rt", 3, 15)])
def test_how_many_tasks_there_are(preemption: str, cpus: int, tasks: int) -> None:
    """Of each softirq that is a task, two on each CPU."""
    scenario = Scenario(TASKS, HANDLERS, Preemption(preemption), cpus=cpus)
    assert tasks_of(scenario) == tasks
    assert softirqs_at_once(scenario) == 2 * cpus
    for symmetric in (True, False):
        groups = groups_of(scenario, layout(), symmetric)
        assert sum(group.size for group in groups[:-1]) == tasks


def test_what_a_fresh_task_has() -> None:
    """The idle task is the layout's, at the address of its group; a softirq that is a task is accounted for."""
    groups = [Group(1, "a", 3), Group(2, "s", 5, Level.SOFTIRQ), Group(1, "", 0)]
    asked: list[object] = [fresh_task_struct(layout(), group) for group in groups]
    assert asked == [(3, None, False), (5, None, True), (IDLE, 0, False)]
