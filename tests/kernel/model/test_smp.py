"""CPUs together: what each sees of the others, what becomes of its steps, and whose exclusive monitors it clears."""

from types import SimpleNamespace
from typing import Any

import pytest

from ctxrace.core.errors import ImageError
from ctxrace.core.property import Property
from ctxrace.core.system import Step
from ctxrace.kernel.model.interner import Interner
from ctxrace.kernel.model.outcome import Role
from ctxrace.kernel.model.smp import Cpu, SmpState, SmpSystem
from ctxrace.kernel.model.state import CRASHED, EVENT, REST, Arrive, Frame, KernelState, On, Task
from ctxrace.kernel.rules.contexts import Level
from ctxrace.machine.flow import Flow
from ctxrace.machine.memory import RegionKind, Write

BASE = 0x8000
"""Where shared memory lies."""
SHARED = 3
P = Property("p")


class Numbered:
    """What the numbers in states stand for, on all CPUs."""

    def __init__(self) -> None:
        self.tasks: Interner[Task] = Interner()
        self.frames: Interner[Frame] = Interner()
        self.flows = SimpleNamespace(numbers=Interner[tuple[Role, Flow]](), disarm=self.disarm)
        self.asked = 0

    def disarm(self, flow: int) -> int:
        role, state = self.flows.numbers.values[flow]
        number: int = self.flows.numbers((role, state._replace(monitor=())))
        return number

    def armed(self, *monitor: int, pc: int = 0) -> int:
        number: int = self.flows.numbers((Role(Level.TASK, "a"), Flow(pc, (), b"", monitor)))
        return number

    def locate(self, address: int) -> int:
        self.asked += 1
        if address < BASE:
            raise ImageError("not shared memory")
        return address - BASE


class System:
    """A part of `KernelSystem`. following: its steps, of which an event writes `writes`."""

    def __init__(self, numbered: Numbered, cpu: int) -> None:
        self.tasks, self.frames, self.flows = numbered.tasks, numbered.frames, numbered.flows
        image = SimpleNamespace(arch=SimpleNamespace(word=8))
        self.layout = SimpleNamespace(image=image, locate_shared=numbered.locate)
        self.scenario, self.properties = f"scenario {cpu}", (P, cpu)
        self.idle = self.tasks(Task(9, REST, 0, cpu=cpu))
        self.following: list[Step] = []
        self.writes: tuple[Write, ...] = ()
        self.seen: list[KernelState] = []

    def initial(self) -> KernelState:
        return KernelState(SHARED, 7, self.idle, (), (), (2, 3))

    def steps(self, state: KernelState) -> list[Step]:
        self.seen.append(state)
        return self.following

    def after_event(self, state: KernelState) -> Any:  # noqa: ANN401 - a part of Taken
        assert state == self.seen[-1]
        return SimpleNamespace(move=SimpleNamespace(outcome=SimpleNamespace(writes=self.writes)))

    def fingerprints(self) -> tuple[str, str]:
        return "code", str(self.idle)


class Cpus:
    """Three CPUs."""

    def __init__(self) -> None:
        self.numbered = Numbered()
        self.each = [System(self.numbered, cpu) for cpu in range(3)]
        self.together = SmpSystem(self.each)  # type: ignore[arg-type]

    def task(self, flow: int, **more: Any) -> int:  # noqa: ANN401
        return self.numbered.tasks(Task(1, flow, 0, True, **more))

    def frame(self, flow: int) -> int:
        return self.numbered.frames(Frame(flow, 5, 6))

    def state(self, *cpus: Cpu, others: tuple[tuple[int, int], ...] = ()) -> SmpState:
        idle = [Cpu(system.idle, ()) for system in self.each]
        return SmpState(SHARED, 1, (*cpus, *idle[len(cpus) :]), others, (10, 11, 20, 21, 30, 31))


def test_all_begin_idle() -> None:
    cpus = Cpus()
    idle = tuple(Cpu(system.idle, ()) for system in cpus.each)
    assert cpus.together.initial() == SmpState(SHARED, 0, idle, (), (2, 3, 2, 3, 2, 3))


def test_what_is_the_same_for_all_is_that_of_the_first() -> None:
    cpus = Cpus()
    first: Any = cpus.each[0]
    assert cpus.together.properties is first.properties
    assert cpus.together.scenario is first.scenario
    assert cpus.together.fingerprints() == first.fingerprints()
    assert list(cpus.together.cpus) == list[Any](cpus.each)


def test_after_a_crash_nothing_happens() -> None:
    cpus = Cpus()
    for system in cpus.each:
        system.following = [Step(Arrive(0), system.initial(), 0, 0)]
    assert len(cpus.together.steps(cpus.state())) == 3
    assert cpus.together.steps(cpus.state()._replace(shared=CRASHED)) == ()


def test_what_runs_elsewhere_is_a_task_that_a_cpu_cannot_have() -> None:
    """An idle CPU is not seen, but where an interrupt runs over its idle task: the lowest one stands for all."""
    cpus = Cpus()
    runs, waits = cpus.task(cpus.numbered.armed(pc=4)), cpus.task(cpus.numbered.armed(pc=8))
    nmi = (cpus.frame(cpus.numbered.armed(pc=12)), cpus.frame(cpus.numbered.armed(pc=16)))
    idle = [system.idle for system in cpus.each]
    state = cpus.state(Cpu(runs, ()), Cpu(runs, nmi), Cpu(idle[2], nmi), others=((waits, 2),))

    def elsewhere(task: Task) -> int:
        return cpus.numbered.tasks(task._replace(elsewhere=True))

    values = cpus.numbered.tasks.values
    moved = elsewhere(values[runs])
    interrupted = elsewhere(values[idle[2]]._replace(flow=cpus.numbered.frames.values[nmi[0]].flow))
    first = cpus.together.seen_from(state, 0)
    others = tuple(sorted({waits: 2, moved: 1, interrupted: 1}.items()))
    assert first == KernelState(SHARED, 1, runs, others, (), (10, 11))
    assert cpus.together.seen_from(state, 1)[2:] == (runs, others, nmi, (20, 21))
    last = cpus.together.seen_from(state, 2)
    assert last[2:] == (idle[2], tuple(sorted({waits: 2, moved: 2}.items())), nmi, (30, 31))
    assert cpus.together.seen_from(cpus.state(Cpu(runs, ())), 0).others == ()
    # what runs there as another one waits here
    again = cpus.state(Cpu(runs, ()), others=((moved, 1),))
    assert cpus.together.seen_from(again, 1).others == ((moved, 2),)


def test_what_one_does_is_a_step_of_all() -> None:
    cpus = Cpus()
    runs, waits = cpus.task(cpus.numbered.armed(pc=4)), cpus.task(cpus.numbered.armed(pc=8))
    frame = cpus.frame(cpus.numbered.armed(pc=12))
    state = cpus.state(Cpu(runs, ()), Cpu(runs, (frame,)))
    there = cpus.task(cpus.numbered.armed(pc=4), elsewhere=True)
    after = KernelState(5, 6, waits, ((waits, 2), (there, 2)), (frame, frame), (19, 18))
    cpus.each[1].following = [Step(Arrive(1), after, 3, 4, (P,), (P,))]
    (step,) = cpus.together.steps(state)
    taken = (Cpu(runs, ()), Cpu(waits, (frame, frame)), Cpu(cpus.each[2].idle, ()))
    expected = SmpState(5, 6, taken, ((waits, 2),), (10, 11, 19, 18, 30, 31))
    assert step == Step(On(1, Arrive(1)), expected, 3, 4, (P,), (P,))
    assert [system.seen for system in cpus.each] == [[cpus.together.seen_from(state, cpu)] for cpu in range(3)]


def shared(at: int, size: int) -> Write:
    return Write(RegionKind.SHARED, at, bytes(size))


@pytest.mark.parametrize(
    ("writes", "monitor", "cleared"),
    [
        ([shared(0x10, 1)], [BASE + 0x10], True),
        ([shared(0x17, 1)], [BASE + 0x10], True),
        ([shared(0x18, 8)], [BASE + 0x10], False),
        ([shared(0x08, 8)], [BASE + 0x10], False),
        ([shared(0x0C, 8)], [BASE + 0x10], True),
        ([shared(0x1F, 1)], [BASE + 0x10, BASE + 0x18], True),  # a pair
        ([shared(0x10, 1)], [BASE + 0x10, BASE + 0x18], True),
        ([shared(0x20, 1)], [BASE + 0x10, BASE + 0x18], False),
        ([shared(0, 4), shared(0x10, 4)], [BASE + 0x10], True),
        ([Write(RegionKind.OWN, 0x10, bytes(8))], [BASE + 0x10], False),
        ([shared(0x10, 8)], [0x10], False),  # armed for what is not shared
        ([shared(0x10, 8)], [0x10, BASE + 0x10], True),
        ([shared(0x10, 8)], [], False),
        ([], [BASE + 0x10], False),
    ],
)
@pytest.mark.parametrize("interrupted", [False, True])
def test_a_write_clears_the_monitors_of_other_cpus(
    writes: list[Write], monitor: list[int], cleared: bool, interrupted: bool
) -> None:
    """Of what runs there: a task, or the interrupt over all others."""
    cpus = Cpus()
    armed, disarmed = cpus.numbered.armed(*monitor), cpus.numbered.armed()
    left = disarmed if cleared else armed
    frames = [tuple(map(cpus.frame, (armed, disarmed, flow))) for flow in (armed, left)]
    task, after = cpus.task(armed), cpus.task(left)
    before, there = (Cpu(task, frames[0]), Cpu(task, frames[1])) if interrupted else (Cpu(task, ()), Cpu(after, ()))
    state = cpus.state(Cpu(task, ()), before, before)
    cpus.each[0].writes = tuple(writes)
    seen = cpus.together.seen_from(state, 0)
    cpus.each[0].following = [Step(EVENT, seen, 0, 1), Step(Arrive(0), seen, 1, 0)]
    event, arrival = cpus.together.steps(state)
    assert event.state == state._replace(cpus=(Cpu(task, ()), there, there))  # its own stays
    assert arrival.state == state
    asked = cpus.numbered.asked
    assert cpus.together.steps(state)[0] == event
    assert cpus.numbered.asked == asked  # where a flow's monitor is armed for is known


def test_an_idle_cpu_has_no_monitor() -> None:
    cpus = Cpus()
    cpus.each[2].writes = (shared(0x10, 8),)
    state = cpus.state()
    cpus.each[2].following = [Step(EVENT, cpus.together.seen_from(state, 2), 0, 1)]
    (event,) = cpus.together.steps(state)
    assert event == Step(On(2, EVENT), state, 0, 1)
