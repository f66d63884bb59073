"""Whether an idle CPU recovers: who begins one more entry, and what becomes of it when it is left alone."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

from ctxrace.kernel.model.interner import Interner
from ctxrace.kernel.model.outcome import Outcome, Role
from ctxrace.kernel.model.recovery import recovers
from ctxrace.kernel.model.state import REST, Group, KernelState, Task
from ctxrace.kernel.rules.contexts import Level
from ctxrace.kernel.scenario import Handler
from ctxrace.machine.memory import RegionKind, Write

GROUPS = (Group(2, "entry", 0), Group(3, "other", 2), Group(1, "entry", 5), Group(1, "", 9))
RUNS, RETURNS, SPINS, STORES, ADDS, COUNTS = range(6)
"""What the flow of this number does next: it runs the body, returns, comes back to itself; stores 1, after which it is
at `RUNS`; adds 1 to shared memory, or to current's task_struct, and runs the body where that holds 3 then."""
ENDLESS = 17
"""A flow that is in a loop without an event."""


class Moved(NamedTuple):
    """A part of `Move`."""

    flow: int
    task_struct: int = 0
    enters: tuple[str, ...] = ()
    began: int = 40
    run_context: int = 50


class Cpu:
    """A part of `Contexts`. flows: where each entry's first event leaves a flow, by the way it begins with."""

    def __init__(self, *flows: int, handlers: Sequence[Handler] = (), cpus: int = 1) -> None:
        self.first, self.cpu, self.groups, self.handlers = flows, 1, GROUPS, handlers
        self.scenario = SimpleNamespace(cpus=cpus)
        self.tasks: Interner[Task] = Interner()
        self.fresh = [self.tasks(Task(number, REST, 0)) for number in range(3)]
        self.idle = self.tasks(Task(3, REST, 6))
        self.shared = SimpleNamespace(values=[b"?", b"\0"])
        self.task_structs = SimpleNamespace(values=[bytes([count]) for count in range(5)])
        self.flows = SimpleNamespace(is_endless=ENDLESS.__eq__, step=self.step)
        self.begun: list[tuple[int, Role]] = []

    def roles(self, level: Level, entry: str, window: bool = False) -> list[Role]:
        return [Role(level, entry, window, way) for way in range(len(self.first))]

    def identity(self, task: int) -> int:
        return 100 + task

    def first_move(self, task: int, role: Role) -> Moved:
        self.begun.append((task, role))
        return Moved(self.first[role.way])

    def step(self, flow: int, identity: int, shared: bytes, own: bytes) -> Outcome:
        assert identity == 100 + self.begun[-1][0]
        assert flow not in (REST, ENDLESS), "it takes no step more"
        kind = RegionKind.SHARED if flow in (STORES, ADDS) else RegionKind.OWN
        value = 1 if flow == STORES else (shared if flow == ADDS else own)[0] + 1
        writes = (Write(kind, 0, bytes([value])),) if flow in (STORES, ADDS, COUNTS) else ()
        return Outcome(RUNS if value == 3 and writes else flow, False, False, writes, 0, (), ())

    def conclude(self, role: Role, outcome: Outcome, own: bytes, began: int, run_context: int) -> Moved:
        assert role == self.begun[-1][1]
        assert (began, run_context) == (40, 50)
        count = outcome.apply(own, RegionKind.OWN)[0]
        if outcome.flow == RUNS:
            return Moved(REST, count, ("another", "body"))
        return Moved({RETURNS: REST, STORES: RUNS}.get(outcome.flow, outcome.flow), count)


def state(cpu: Cpu, *others: tuple[Task, int], current: int | None = None) -> KernelState:
    numbers = tuple((cpu.tasks(task), number) for task, number in others)
    return KernelState(1, 0, cpu.idle if current is None else current, numbers, (), ())


def recovered(cpu: Cpu, at: KernelState) -> bool:
    seen: Any = cpu
    return recovers(seen, at, "entry", "body")


@pytest.mark.parametrize(
    ("flow", "recovers_too"),
    [
        (RUNS, True),
        (STORES, True),
        (ADDS, True),
        (COUNTS, True),
        (RETURNS, False),
        (SPINS, False),
        (ENDLESS, False),
        (REST, False),
    ],
)
def test_what_becomes_of_an_entry_that_is_left_alone(flow: int, recovers_too: bool) -> None:
    """What it has stored it finds again, and where it comes back to the same state it does so for ever."""
    cpu = Cpu(flow)
    assert recovered(cpu, state(cpu)) is recovers_too


@pytest.mark.parametrize("last", [RUNS, RETURNS])
def test_each_start_of_an_entry_has_to_run_the_body(last: int) -> None:
    cpu = Cpu(RUNS, last)
    assert recovered(cpu, state(cpu)) is (last == RUNS)
    assert [role.way for _, role in cpu.begun[:2]] == [0, 1]


def test_who_begins_one_more_entry() -> None:
    """Each task at rest whose entry it is, and a fresh one of each group of which not all have begun."""
    cpu = Cpu(RUNS)
    first, other, last = (Task(number, REST, 3) for number in range(3))
    role = Role(Level.TASK, "entry")
    for others, begun in (
        ((), [cpu.fresh[0], cpu.fresh[2]]),
        (((first, 1),), [cpu.tasks(first), cpu.fresh[0], cpu.fresh[2]]),
        (((first, 2), (other, 3)), [cpu.tasks(first), cpu.fresh[2]]),
        (((first, 1), (first._replace(task_struct=4), 1), (last, 1)), None),
    ):
        cpu.begun.clear()
        assert recovered(cpu, state(cpu, *others))
        expected = begun if begun is not None else [cpu.tasks(task) for task, _ in others]
        assert cpu.begun == [(task, role) for task in expected]


def test_a_handler_begins_its_entry_over_the_idle_task() -> None:
    """On one CPU over the current one, with what its task_struct holds; on several over each CPU's own."""
    handlers = (
        Handler(Level.HARDIRQ, "entry", window=True),
        Handler(Level.NMI, "another"),
        Handler(Level.SOFTIRQ, "entry"),
    )
    for cpus, over in ((1, Task(1, REST, 2, cpu=1)), (2, Task(3, REST, 6, cpu=1))):
        cpu = Cpu(RUNS, handlers=handlers, cpus=cpus)
        current = cpu.tasks(Task(1, REST, 2, True, 7))
        assert recovered(cpu, state(cpu, current=current))
        assert cpu.begun[2:] == [
            (cpu.tasks(over), Role(Level.HARDIRQ, "entry", True)),
            (cpu.tasks(over), Role(Level.SOFTIRQ, "entry")),
        ]


def test_one_that_does_not_run_the_body_is_enough() -> None:
    cpu = Cpu(RUNS, handlers=(Handler(Level.NMI, "entry"),))
    real = cpu.first_move

    def first_move(task: int, role: Role) -> Moved:
        move = real(task, role)
        return move._replace(flow=RETURNS) if role.level is Level.NMI else move

    cpu.first_move = first_move  # type: ignore[method-assign]
    assert not recovered(cpu, state(cpu))
