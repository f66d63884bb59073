"""Interrupts of several CPUs as nested runs, and when they cannot be: what handlers and other CPUs touch together."""

import weakref
from types import SimpleNamespace
from typing import Any

import pytest

from ctxrace.core.nested import Begin, Return
from ctxrace.core.property import Property
from ctxrace.core.system import Step
from ctxrace.kernel.model import nested_smp as module
from ctxrace.kernel.model.nested_smp import Alone, BelowOnCpu, HandlersMeet, NestedSmp
from ctxrace.kernel.model.smp import Cpu, SmpState
from ctxrace.kernel.model.state import EVENT, Arrive, KernelState, On
from ctxrace.machine.memory import RegionKind, Touch

P, BACK, SEEN = Property("p"), Property("back"), Property("seen")
WITHIN = [Property("entered", ("body", str(cpu))) for cpu in range(2)]
PRIVATE = 0x100
"""What lies below is memory of one CPU's task."""


class Handlers:
    """A part of `NestedInterrupts` of one CPU."""

    def __init__(self, system: "System") -> None:
        self.cpu, self.within = system.cpu, (WITHIN[system.cpu],)
        self.following: list[Step] = []
        self.begins: Begin | None = None

    def steps(self, state: KernelState) -> list[Step]:
        assert isinstance(state, KernelState)
        return self.following

    def called(self, state: KernelState, step: Step) -> Begin | None:
        assert isinstance(state, KernelState)
        assert isinstance(step.state, KernelState)
        return None if self.begins is None else Begin(step.state, (self.begins.below, state, step.label))

    def ended(self, state: KernelState) -> bool:
        return not state.interrupts

    def returned(self, below: object, end: KernelState) -> Return:
        return Return(end._replace(current=hash(below)), (BACK,), (SEEN,))

    def outside(self, state: KernelState, prop: Property) -> Property | None:
        return Property(f"{prop} outside {self.cpu}", (str(state.current),))


class Outcome:
    """A part of the outcome of a step."""

    def __init__(self, touches: tuple[Touch, ...]) -> None:
        self.touches = touches


class System:
    """A part of `KernelSystem`; `outcome`: of its next event."""

    def __init__(self, cpu: int) -> None:
        self.cpu = cpu
        self.layout = SimpleNamespace(locate=self.locate)
        self.outcome: Any = None

    def identity(self, current: int) -> int:
        return current % 10

    def locate(self, address: int, _identity: int) -> tuple[RegionKind, int]:
        return RegionKind.SHARED if address >= PRIVATE else RegionKind.OWN, 0

    def after_event(self, state: KernelState) -> Any:  # noqa: ANN401 - a part of Taken
        assert isinstance(state, KernelState)
        return SimpleNamespace(move=SimpleNamespace(outcome=self.outcome))

    def next(self, *touches: tuple[str, int, int]) -> None:
        """Let the next event touch memory: how, where, and how many bytes."""
        self.outcome = Outcome(tuple(Touch(*touch, 0) for touch in touches))


class Together:
    """A part of `SmpSystem` with two CPUs."""

    def __init__(self) -> None:
        self.cpus = (System(0), System(1))
        self.properties = (P,)
        self.following: list[Step] = []

    def initial(self) -> SmpState:
        return START

    def steps(self, state: SmpState) -> list[Step]:
        assert isinstance(state, SmpState)
        return self.following

    def seen_from(self, state: SmpState, number: int) -> KernelState:
        cpu = state.cpus[number]
        return KernelState(state.shared, state.since_idle, cpu.current, (), cpu.interrupts, ())

    def embed(self, state: SmpState, number: int, seen: KernelState, step: Step) -> Step:
        assert step.state == seen
        cpus = list(state.cpus)
        cpus[number] = Cpu(seen.current, seen.interrupts)
        after = SmpState(seen.shared, seen.since_idle, tuple(cpus), (), ())
        return step._replace(label=On(number, step.label), state=after)


START = SmpState(5, 6, (Cpu(10, ()), Cpu(21, ())), (), ())
ABOVE = START._replace(shared=7, since_idle=8, cpus=(START.cpus[0], Cpu(21, (3,))))


@pytest.fixture
def together(monkeypatch: pytest.MonkeyPatch) -> Together:
    monkeypatch.setattr(module, "NestedInterrupts", Handlers)
    return Together()


def nested(together: Together) -> NestedSmp:
    return NestedSmp(together)  # type: ignore[arg-type]


def handlers(system: NestedSmp) -> list[Handlers]:
    return system._cpus  # type: ignore[return-value]


def below(cpu: int, what: Any, others: SmpState | None) -> BelowOnCpu:  # noqa: ANN401 - in the place of a `Below`
    return BelowOnCpu(cpu, what, others)


def test_it_is_the_system_itself_outside_of_handlers(together: Together) -> None:
    together.following = [Step(On(0, Arrive(0)), START, 0, 0)]
    system = nested(together)
    assert (system.properties, system.initial()) == (together.properties, START)
    assert system.steps(START) is together.following


def test_the_steps_of_a_handler_are_those_of_its_cpu(together: Together) -> None:
    system = nested(together)
    inside, after = together.seen_from(ABOVE, 1), together.seen_from(START, 1)
    assert system.steps(Alone(1, inside)) == []
    together.cpus[1].next()
    handlers(system)[1].following = [Step(EVENT, after, 1, 2, (P,), (SEEN,))]
    assert system.steps(Alone(1, inside)) == [Step(On(1, EVENT), Alone(1, after), 1, 2, (P,), (SEEN,))]
    assert system.ended(Alone(1, after))
    assert not system.ended(Alone(1, inside))


def test_a_handler_begins_alone_on_its_cpu(together: Together) -> None:
    system = nested(together)
    arrival = Step(On(1, Arrive(0)), ABOVE, 1, 0)
    assert system.called(START, arrival) is None
    handlers(system)[1].begins = Begin(None, "below")
    before, after = together.seen_from(START, 1), together.seen_from(ABOVE, 1)
    stands_still = below(1, ("below", before, Arrive(0)), ABOVE._replace(shared=0, since_idle=0))
    assert system.called(START, arrival) == Begin(Alone(1, after), stands_still)
    assert system.called(START, arrival._replace(label=On(1, EVENT))) is None
    over_another = system.called(Alone(1, before), Step(On(1, Arrive(2)), Alone(1, after), 1, 0))
    assert over_another == Begin(Alone(1, after), below(1, ("below", before, Arrive(2)), None))


def test_after_a_handler_its_cpu_goes_on_among_the_others(together: Together) -> None:
    system = nested(together)
    end = together.seen_from(START, 1)._replace(shared=70)
    there = end._replace(current=hash("inner"))
    assert system.returned(below(1, "inner", None), Alone(1, end)) == Return(Alone(1, there), (BACK,), (SEEN,))
    all_cpus = SmpState(70, 6, (START.cpus[0], Cpu(hash("inner"), ())), (), ())
    outside = below(1, "inner", ABOVE._replace(shared=0, since_idle=0))
    assert system.returned(outside, Alone(1, end)) == Return(all_cpus, (BACK,), (SEEN,))


def test_what_a_handler_breaks_is_asked_of_its_own_cpu(together: Together) -> None:
    system = nested(together)
    assert system.outside(START, P) is P
    assert system.outside(START, WITHIN[0]) == Property(f"{WITHIN[0]} outside 0", ("10",))
    assert system.outside(START, WITHIN[1]) == Property(f"{WITHIN[1]} outside 1", ("21",))
    alone = Alone(1, KernelState(0, 0, 33, (), (), ()))
    assert system.outside(alone, WITHIN[1]) == Property(f"{WITHIN[1]} outside 1", ("33",))


def task_step(together: Together, system: NestedSmp, cpu: int) -> None:
    together.following = [Step(On(cpu, EVENT), START, 0, 1), Step(On(1 - cpu, Arrive(0)), START, 1, 0)]
    system.steps(START)


def handler_step(together: Together, system: NestedSmp, cpu: int) -> None:
    inside = together.seen_from(ABOVE._replace(cpus=(Cpu(10, (2,)), Cpu(21, (3,)))), cpu)
    handlers(system)[cpu].following = [Step(EVENT, inside, 0, 1)]
    system.steps(Alone(cpu, inside))


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        (("write", 0x200, 8), ("read", 0x200, 8), True),
        (("read", 0x200, 8), ("write", 0x200, 8), True),
        (("write", 0x200, 8), ("write", 0x200, 8), True),
        (("read", 0x200, 8), ("read", 0x200, 8), False),
        (("write", 0x200, 4), ("read", 0x204, 4), True),  # both are of one word
        (("write", 0x200, 1), ("read", 0x207, 1), True),
        (("read", 0x201, 1), ("write", 0x208, 1), True),  # what a load-exclusive of the first one watches
        (("read", 0x200, 1), ("write", 0x208, 1), False),
        (("read", 0x200, 8), ("write", 0x210, 8), False),
        (("read", 0x204, 8), ("write", 0x210, 1), True),
        (("write", 0x210, 8), ("read", 0x200, 8), False),
        (("write", 0x80, 8), ("write", 0x80, 8), False),  # each its own task's
    ],
)
@pytest.mark.parametrize("first", [handler_step, task_step])
def test_a_handler_is_not_taken_as_a_whole_where_another_cpu_could_tell(
    together: Together, first: Any, one: tuple[str, int, int], other: tuple[str, int, int], meet: bool  # noqa: ANN401
) -> None:
    system = nested(together)
    together.cpus[0].next(one)
    together.cpus[1].next(other)
    first(together, system, 0)
    for second in {task_step, handler_step} - {first}:
        if meet:
            with pytest.raises(HandlersMeet):
                second(together, system, 1)
        else:
            second(together, system, 1)


def test_handlers_of_two_cpus_meet_too_but_tasks_may(together: Together) -> None:
    for step, meet in ((handler_step, True), (task_step, False)):
        system = nested(together)
        for cpu in range(2):
            together.cpus[cpu].next(("write", 0x200, 8))
        step(together, system, 0)
        if meet:
            with pytest.raises(HandlersMeet):
                step(together, system, 1)
        else:
            step(together, system, 1)


def test_a_handler_may_touch_what_its_own_cpu_touches(together: Together) -> None:
    system = nested(together)
    together.cpus[0].next(("write", 0x200, 8))
    task_step(together, system, 0)
    handler_step(together, system, 0)


def test_all_that_a_step_touches_counts_and_each_time_that_it_is_another_step(together: Together) -> None:
    system = nested(together)
    together.cpus[0].next(("read", 0x300, 8), ("write", 0x200, 8))
    handler_step(together, system, 0)
    together.cpus[0].next(("read", 0x300, 8), ("write", 0x400, 8))
    handler_step(together, system, 0)
    for address in (0x200, 0x400):
        together.cpus[1].next(("read", address, 8))
        with pytest.raises(HandlersMeet):
            task_step(together, system, 1)


def test_who_takes_a_step_counts_where_the_step_is_the_same(together: Together) -> None:
    together.cpus[0].next(("write", 0x200, 8))
    together.cpus[1].outcome = together.cpus[0].outcome
    for cpu in together.cpus:
        cpu.identity = lambda _current: 0  # type: ignore[method-assign, assignment]
    system = nested(together)
    handler_step(together, system, 0)
    with pytest.raises(HandlersMeet):
        handler_step(together, system, 1)
    system = nested(together)
    task_step(together, system, 0)
    handler_step(together, system, 0)
    with pytest.raises(HandlersMeet):
        task_step(together, system, 1)


def test_a_step_that_was_read_is_kept(together: Together) -> None:
    """It is known by its number in memory, which nothing else may get."""
    system = nested(together)
    together.cpus[0].next(("write", 0x200, 8))
    step = weakref.ref(together.cpus[0].outcome)
    handler_step(together, system, 0)
    together.cpus[0].outcome = None
    assert step() is not None


def test_what_a_step_touches_may_be_shared_for_another_task(together: Together) -> None:
    """The same step, by the handler over another task: `identity` decides where addresses are."""
    system = nested(together)
    own = together.cpus[0]
    own.layout.locate = lambda address, identity: (RegionKind.SHARED if identity == 4 else RegionKind.OWN, address)
    together.cpus[1].next(("write", 0x200, 8))
    task_step(together, system, 1)
    own.next(("write", 0x200, 8))
    handler_step(together, system, 0)
    inside = KernelState(7, 8, 14, (), (3,), ())
    with pytest.raises(HandlersMeet):
        system.steps(Alone(0, inside))


def test_steps_of_a_handler_that_has_returned_are_not_its_own(together: Together) -> None:
    """Its context's next event is read with the others', and only once."""
    system = nested(together)
    returned = together.seen_from(START, 0)
    handlers(system)[0].following = [Step(EVENT, returned, 0, 1)]
    together.cpus[0].next(("write", 0x200, 8))
    together.cpus[1].next(("write", 0x200, 8))
    system.steps(Alone(0, returned))
    task_step(together, system, 1)
    task_step(together, system, 0)
