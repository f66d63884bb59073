"""One state for all that differ by a drift: what is taken back, in memory, in registers and on stacks."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from ctxrace.core.property import Property
from ctxrace.core.system import Step
from ctxrace.kernel.model.drift import UpToDrift
from ctxrace.kernel.model.interner import Interner
from ctxrace.kernel.model.outcome import Role
from ctxrace.kernel.model.smp import Cpu, SmpState
from ctxrace.kernel.model.state import CRASHED, REST, Arrive, Frame, KernelState, On, Resume, Start, Task
from ctxrace.kernel.rules.contexts import Level
from ctxrace.machine.drift.memory import Counter, Counters
from ctxrace.machine.drift.number import Mark
from ctxrace.machine.flow import Flow

BASE = 0x1000
# A narrow counter and a wide one, which stay what they are modulo 4; and one that drifts alone, by anything.
NARROW = Counter("narrow", range(BASE + 4, BASE + 5), 0, 3, 2)
WIDE = Counter("wide", range(BASE, BASE + 4), 1, 3, 2)
ALONE = Counter("alone", range(BASE + 6, BASE + 8), 2, 5, 0)
COUNTERS = Counters((NARROW, WIDE, ALONE))
TASK, NMI = Role(Level.TASK, "a"), Role(Level.NMI, "n")
P = Property("p")


class System:
    """A part of `KernelSystem` and of `SmpSystem`. following: the steps of each state."""

    properties = (P,)

    def __init__(self, byte_order: str = "little") -> None:
        self.cpus = (self,)
        image = SimpleNamespace(arch=SimpleNamespace(byte_order=byte_order))
        self.layout = SimpleNamespace(image=image, locate_shared=lambda address: address - BASE)
        self.shared: Interner[bytes] = Interner()
        self.tasks: Interner[Task] = Interner()
        self.frames: Interner[Frame] = Interner()
        self.flows = SimpleNamespace(numbers=Interner[tuple[Role, Flow]]())
        self.flows.numbers((TASK, Flow(0, (), b"")))  # so that no flow that is asked about has a group's number
        self.following: dict[Any, list[Step]] = {}
        self.first: Any = None

    def memory(self, wide: int, narrow: int, alone: int, rest: int = 0) -> int:
        order = self.layout.image.arch.byte_order
        parts = ((wide, 4), (narrow, 1), (0x77, 1), (alone, 2), (rest, 2))
        return self.shared(b"".join(value.to_bytes(size, order) for value, size in parts))

    def flow(self, words: dict[int, int], stack: bytes = b"", marks: Sequence[Mark] = (), role: Role = TASK) -> int:
        number: int = self.flows.numbers((role, Flow(0x40, tuple(sorted(words.items())), stack, marks=tuple(marks))))
        return number

    def task(self, flow: int, group: int = 0) -> int:
        return self.tasks(Task(group, flow, 1, True))

    def initial(self) -> Any:  # noqa: ANN401 - a state of either system
        return self.first

    def steps(self, state: Any) -> list[Step]:  # noqa: ANN401 - a state of either system
        return self.following.get(state, [])


def reduced(system: System) -> UpToDrift:
    return UpToDrift(system, COUNTERS)  # type: ignore[arg-type]


def marked(at: int, width: int, group: int = 3, *, on_stack: bool = False) -> Mark:
    return Mark(on_stack, at, 0xFFFF_FFFC, 1, group, width)


def state(shared: int, current: int, **others: Any) -> KernelState:  # noqa: ANN401
    return KernelState(shared, 0, current, **{"others": (), "interrupts": (), "arrivals": (2,), **others})


@pytest.mark.parametrize("byte_order", ["little", "big"])
def test_the_widest_counter_is_as_low_as_it_can_be_and_the_others_go_with_it(byte_order: str) -> None:
    system = System(byte_order)
    idle = system.task(REST)
    settled = reduced(system).settled(state(system.memory(0x0107, 0x02, 0x1234, 9), idle))
    # by 0x104 and by 0x1234: what is 7 modulo 4 stays 3, and a byte goes below 0 and around
    assert settled == state(system.memory(0x0003, 0xFE, 0, 9), idle)


@pytest.mark.parametrize(
    ("before", "after"), [((0x0107, 2, 0), (3, 0xFE, 0)), ((3, 0xFE, 7), (3, 0xFE, 0)), ((0, 6, 0), (0, 6, 0))]
)
def test_each_group_has_a_drift_of_its_own(before: tuple[int, int, int], after: tuple[int, int, int]) -> None:
    system = System()
    idle = system.task(REST)
    settled = reduced(system).settled(state(system.memory(*before), idle))
    assert settled == state(system.memory(*after), idle)


def test_what_has_not_drifted_stands_for_itself_and_so_does_a_crash() -> None:
    system = System()
    at_rest = state(system.memory(3, 9, 0), system.task(system.flow({8: 9}, marks=[marked(8, 4)])))
    for unchanged in (at_rest, at_rest._replace(shared=CRASHED)):
        assert reduced(system).settled(unchanged) is unchanged


def test_what_a_context_has_read_of_a_counter_drifts_with_it() -> None:
    system = System()
    words = {8: 0xAAAA_0000_0000_0106, 16: 0xBB05, 24: 0x104, 32: 0x1234, 40: 0x1111, 48: 0x2222, 72: 3}
    marks = [marked(8, 4), marked(16, 1), marked(24, 8), marked(32, 2, 5), marked(40, 0), marked(48, 2, 4)]
    stack = bytes.fromhex("01 02 0A01 FFFF")
    on_stack = [marked(2, 2, on_stack=True), marked(5, 1, 5, on_stack=True), marked(0, 0, on_stack=True)]
    flow = system.flow(words, stack, [*marks, *on_stack])
    settled = reduced(system).settled(state(system.memory(0x0104, 0, 0x1234), system.task(flow)))
    left = {8: 0xAAAA_0000_0000_0002, 16: 0xBB01, 40: 0x1111, 48: 0x2222, 72: 3}
    after = system.flow(left, bytes.fromhex("01 02 0600 FFCB"), [*marks, *on_stack])
    assert settled == state(system.memory(0, 0xFC, 0), system.task(after))


def test_a_register_that_was_0_drifts_too() -> None:
    system = System()
    flow = system.flow({}, marks=[marked(8, 1), marked(16, 2)])
    settled = reduced(system).settled(state(system.memory(4, 0, 0), system.task(flow)))
    after = system.flow({8: 0xFC, 16: 0xFFFC}, marks=[marked(8, 1), marked(16, 2)])
    assert settled == state(system.memory(0, 0xFC, 0), system.task(after))


def numbered(system: System, by: int) -> dict[str, Any]:
    """Return tasks that wait, in another order where they have drifted by `by`, and interrupts."""
    holds = [system.flow({8: value + by}, marks=[marked(8, 4)]) for value in ((2, 1) if by else (1, 2))]
    waiting = [(system.task(flow), number) for flow, number in zip(holds, (2, 1) if by else (1, 2), strict=True)]
    nmi = system.flow({8: 1 + by}, marks=[marked(8, 4)], role=NMI)
    frames = tuple(system.frames(Frame(flow, 6, 7)) for flow in (nmi, system.flow({16: 5}, role=NMI)))
    return {"others": (*sorted(waiting), (system.task(REST, 2), 1)), "interrupts": frames}


def test_tasks_that_wait_and_interrupts_drift_too() -> None:
    system = System()
    idle = system.task(REST)
    before = state(system.memory(8, 8, 0), idle, **numbered(system, 8))
    after = state(system.memory(0, 0, 0), idle, **numbered(system, 0))
    settled = reduced(system).settled(before)
    assert settled == after._replace(others=tuple(sorted(after.others)))
    assert settled.others[0][0] < settled.others[1][0]


def test_the_contexts_of_all_cpus_drift() -> None:
    system = System()
    busy = {by: system.task(system.flow({8: 1 + by}, marks=[marked(8, 4)])) for by in (0, 8)}
    both = {by: numbered(system, by) for by in (0, 8)}

    def of(by: int) -> SmpState:
        cpus = (Cpu(busy[by], ()), Cpu(system.task(REST), both[by]["interrupts"]))
        return SmpState(system.memory(by, by, 0), 5, cpus, tuple(sorted(both[by]["others"])), (1, 2))

    assert reduced(system).settled(of(8)) == of(0)


def test_steps_lead_to_what_stands_for_the_state_after_them() -> None:
    system = System()
    idle, moved = system.task(REST), system.task(system.flow({8: 5}, marks=[marked(8, 4)]))
    low, high = system.memory(0, 0, 0), system.memory(4, 4, 0)
    system.first = state(high, idle)
    first = state(low, idle)
    system.following[first] = [
        Step("same", state(low, moved), 1, 0, (P,)),  # its memory has not changed: it stands for itself
        Step("on", state(high, moved), 0, 1, (), (P,)),
    ]
    both = reduced(system)
    assert both.properties == (P,)
    assert both.initial() == first
    after = system.task(system.flow({8: 1}, marks=[marked(8, 4)]))
    assert list(both.steps(first)) == [
        system.following[first][0],
        Step("on", state(low, after), 0, 1, (), (P,)),
    ]


def test_a_run_is_one_of_the_system_itself() -> None:
    """Of its steps the one is taken that is of the same kind, as long, and leads to what stands for the same state."""
    system = System()
    idle = system.task(REST)
    states = [state(system.memory(value, value, 0), idle) for value in (0, 5, 10)]
    right = [Step(On(1, Arrive(1)), states[1], 1, 0, (P,)), Step(Start(7), states[2], 0, 1)]
    system.first = states[0]
    system.following[states[0]] = [
        right[0]._replace(label=On(1, Start(1))),
        right[0]._replace(label=On(0, Arrive(1))),
        right[0]._replace(label=Arrive(1)),
        right[0]._replace(switches=0),
        right[0]._replace(events=1),
        right[0]._replace(state=states[2]),
        right[0]._replace(broken=()),
    ]
    system.following[states[1]] = [right[1]._replace(label=Resume(7)), right[1]]
    both = reduced(system)
    run = [
        (states[0], Step(On(1, Arrive(0)), both.settled(states[1]), 1, 0, (P,))),
        (both.settled(states[1]), Step(Start(9), both.settled(states[2]), 0, 1)),
    ]
    assert both.lifted(run) == [(states[0], right[0]), (states[1], right[1])]
