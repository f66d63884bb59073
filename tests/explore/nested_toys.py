"""Systems with nested runs that know no machine code: handlers as tables over one small shared variable.

A place of a context is a number; what it may do there hangs on the shared value. Handler number h may cut in on any
context of a lower level (its own number, plus 1; the task's level is 0) that does not mask it there.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar, NamedTuple

from ctxrace.core.nested import Begin, Return
from ctxrace.core.property import Expectation, Property
from ctxrace.core.system import Step

from .toys import Toy

__all__ = [
    "AT_REST",
    "CRASHED",
    "ENDS",
    "EXCLUSIVE",
    "RESTS",
    "RUNS",
    "WRONG",
    "Act",
    "Handlers",
    "HandlersState",
    "Program",
    "arrives",
    "random_handlers",
]

EXCLUSIVE = Property("exclusive", ("body",), "body is never active twice")
RESTS = Property("balanced", ("shared",), "whenever the task rests, the shared variable is 0")
WRONG = Property("check", (), "nothing is wrong")
ENTERED = Property("entered", ("body",), "a nested run does not enter the body, whatever runs below it")
AT_REST = ((0, -1),)
"""The stack of a task that rests."""
CRASHED = -1
"""What is shared after a crash."""


class _Possible(Property):
    expectation: ClassVar[Expectation] = Expectation.ALWAYS_POSSIBLE


class _Sometimes(Property):
    expectation: ClassVar[Expectation] = Expectation.SOMETIMES


ENDS = _Possible("hang", (), "the task can always come to rest again")
RUNS = _Sometimes("runs", ("body",), "body runs in some interleaving")


def arrives(handler: int) -> Property:
    """Return what is witnessed where handler number `handler` arrives."""
    return _Sometimes("arrives", (str(handler),), f"handler {handler} arrives in some interleaving")


class Act(NamedTuple):
    """What a context does next: to `place` (None: its end), with `shared` after it.

    crashes: whether it crashes instead: nobody knows what comes after it, so that it takes no step more and is a goal.
    """

    place: int | None
    shared: int
    switches: int = 0
    events: int = 1
    wrong: bool = False
    crashes: bool = False


class Program(NamedTuple):
    """A context's code: for each (place, shared) its acts; where body is active; where which handlers are masked."""

    acts: Mapping[tuple[int, int], Sequence[Act]]
    body: frozenset[int] = frozenset()
    masked: frozenset[tuple[int, int]] = frozenset()


class HandlersState(NamedTuple):
    """shared; left: how often each handler may still begin (empty: always).

    stack: (level, place) from the task up to what runs; the task's place is -1 while it rests. In a nested run, the
    stack begins with the handler, and is empty at its end.
    """

    shared: int
    left: tuple[int, ...]
    stack: tuple[tuple[int, int], ...]


class Handlers(Toy):
    """One task that begins its program again and again, and handlers over it and over each other."""

    properties: Sequence[Property] = (EXCLUSIVE, RESTS, WRONG, ENDS)

    def __init__(self, programs: Sequence[Program], arrivals: int | None = None) -> None:
        self.programs, self.arrivals = programs, arrivals

    def __repr__(self) -> str:
        return f"Handlers({self.programs}, {self.arrivals})"

    def initial(self) -> HandlersState:
        number = len(self.programs) - 1
        return HandlersState(0, () if self.arrivals is None else (self.arrivals,) * number, AT_REST)

    def steps(self, state: HandlersState) -> Iterator[Step]:
        shared, left, stack = state
        if shared == CRASHED:
            return
        (level, place), under = stack[-1], stack[:-1]
        if place < 0:
            yield Step("start", state._replace(stack=((0, 0),)), 0, 0)
        for number, act in enumerate(self.programs[level].acts.get((place, shared), ())):
            if act.crashes:
                yield Step(f"act {number}", state._replace(shared=CRASHED), act.switches, act.events, (WRONG,), (ENDS,))
                continue
            over = AT_REST if level == 0 else under
            on = over if act.place is None else (*under, (level, act.place))
            after = HandlersState(act.shared, left, on)
            enters = act.place is not None and self._active(level, act.place) and not self._active(level, place)
            broken = [WRONG] * act.wrong + [EXCLUSIVE] * (enters and self._activations(after) > 1)
            broken += [RESTS] * (on == AT_REST and act.shared != 0) + [ENTERED] * (enters and stack[0][0] > 0)
            witnessed = (ENDS,) * (on == AT_REST) + (RUNS,) * enters
            yield Step(f"act {number}", after, act.switches, act.events, tuple(broken), witnessed)
        for handler in range(level, len(self.programs) - 1):
            if (place, handler + 1) in self.programs[level].masked or (left and not left[handler]):
                continue
            fewer = (*left[:handler], left[handler] - 1, *left[handler + 1 :]) if left else ()
            after = HandlersState(shared, fewer, (*stack, (handler + 1, 0)))
            yield Step(f"arrival {handler + 1}", after, 1, 0, (), (arrives(handler + 1),))

    def _active(self, level: int, place: int) -> bool:
        return place in self.programs[level].body

    def _activations(self, state: HandlersState) -> int:
        return sum(self._active(*context) for context in state.stack)

    def called(self, state: HandlersState, step: Step) -> Begin | None:
        after: HandlersState = step.state
        if len(after.stack) <= len(state.stack):
            return None
        level = after.stack[-1][0]
        higher = tuple(0 if n < level else left for n, left in enumerate(after.left))
        return Begin(HandlersState(after.shared, higher, after.stack[-1:]), (level, after.left, after.stack[:-1]))

    def outside(self, state: HandlersState, prop: Property) -> Property | None:
        if prop is not ENTERED:
            return prop
        if self._activations(state):
            return EXCLUSIVE
        return ENTERED if state.stack[0][0] > 0 else None

    def ended(self, state: HandlersState) -> bool:
        return not state.stack

    def returned(
        self, below: tuple[int, tuple[int, ...], tuple[tuple[int, int], ...]], end: HandlersState
    ) -> Return:
        level, before, stack = below
        left = (*before[:level], *end.left[level:])
        broken = (RESTS,) if stack == AT_REST and end.shared != 0 else ()
        witnessed = (ENDS,) if stack == AT_REST else ()
        return Return(HandlersState(end.shared, left, stack), broken, witnessed)


def random_handlers(rng: random.Random, *, crashes: bool = False) -> Handlers:
    """Return a small system of two to four levels; some contexts loop, some never end, and some crash if asked to."""
    levels, values = rng.choice((2, 2, 3, 3, 4)), rng.choice((2, 3))
    programs = []
    for level in range(levels):
        places = rng.randint(1, 4 if level == 0 else 3)
        acts: dict[tuple[int, int], list[Act]] = {}
        for place in range(places):
            for shared in range(values):
                for _ in range(rng.choice((0, 1, 1, 1, 1, 2)) if rng.random() < 0.2 else 1):
                    onward = place + 1 if rng.random() < 0.8 else rng.randrange(places + 1)
                    act = Act(
                        None if onward >= places else onward,
                        shared if rng.random() < 0.5 else rng.randrange(values),
                        int(rng.random() < 0.05),
                        int(rng.random() < 0.8),
                        rng.random() < 0.03,
                        crashes and rng.random() < 0.1,
                    )
                    acts.setdefault((place, shared), []).append(act)
        body = frozenset(place for place in range(1, places) if rng.random() < 0.3)
        masks = {(p, h) for p in range(-1 if level == 0 else 0, places) for h in range(levels) if rng.random() < 0.15}
        programs.append(Program(acts, body, frozenset(masks)))
    return Handlers(programs, rng.choice((None, None, 1, 2)))
