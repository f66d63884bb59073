"""A system followed step by step by somebody who waits for something: the product of both, and its two searches.

A follower reads along while a system runs, and remembers in a `Mark` how far it has got: which of the steps that it
waits for have been taken, in order. The shortest run that brings it to its goal is an ordinary search of the product;
how far it can be brought at all is found faster by always going on where it has got furthest.
"""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Any, NamedTuple, Protocol

from ctxrace.core.interleaving import Interleaving
from ctxrace.core.property import Property
from ctxrace.core.system import Step, System
from ctxrace.explore.expand import expand
from ctxrace.explore.search import SWITCH, Limits, Progress, Watch, undisturbed

__all__ = ["REACHED", "Deepest", "Follower", "Label", "Mark", "Product", "deepest", "inner"]

REACHED = Property("reached", (), "the follower never gets to its goal")


class Mark(NamedTuple):
    """How far a follower has got. With equal memory, more progress of one `Follower.period` can do what less can."""

    progress: int
    memory: Hashable = ()


class Label(NamedTuple):
    """The label of a product's step: the system's own, who took it, and the mark after it."""

    label: Hashable
    actor: Hashable
    mark: Mark


class Follower(Protocol):
    """What reads along."""

    @property
    def goal(self) -> int:
        """The progress at which it has seen everything."""
        ...

    def initial(self, state: Any, /) -> Mark:  # noqa: ANN401 - a state of any system
        """Return the mark before the first step."""
        ...

    def follow(  # the state is that of any system
        self, state: Any, step: Step, mark: Mark, /  # noqa: ANN401
    ) -> Iterable[tuple[Hashable, Mark]]:
        """Return who may have taken `step`, with the mark after it; nothing where the step must not be taken."""
        ...

    def period(self, progress: int) -> int:
        """Return a number that is the same for the progresses of which more is as good as less."""
        ...

    def bound(self, progress: int) -> bool:
        """Return whether only what comes next can be what is waited for."""
        ...


class Product:
    """`system`, and how far `follower` has got. A step that brings it to `goal` breaks `REACHED`, and is an end."""

    properties: Sequence[Property] = (REACHED,)

    def __init__(self, system: System[Any], follower: Follower, goal: int | None = None) -> None:
        self.system, self.follower = system, follower
        self.goal = follower.goal if goal is None else goal

    def initial(self) -> tuple[Any, Mark]:
        """Return the system's initial state, and what the follower thinks of it."""
        start = self.system.initial()
        return start, self.follower.initial(start)

    def steps(self, state: tuple[Any, Mark]) -> list[Step]:
        """Return the system's steps as the follower reads them."""
        inner, mark = state
        if mark.progress >= self.goal:
            return []
        found = []
        for step in expand(self.system, inner):
            for actor, after in self.follower.follow(inner, step, mark):
                broken = (REACHED,) if after.progress >= self.goal else ()
                label = Label(step.label, actor, after)
                found.append(Step(label, (step.state, after), step.switches, step.events, broken))
        return found

    def narrate(self, run: Sequence[tuple[Any, Step]]) -> Interleaving:
        """Tell the system's part of `run`."""
        return self.system.narrate([(state[0], inner(step)) for state, step in run])


def inner(step: Step) -> Step:
    """Return the system's step in a step of a product."""
    label = step.label
    assert isinstance(label, Label)
    return step._replace(label=label.label, state=step.state[0], broken=())


@dataclass(frozen=True, slots=True)
class Deepest:
    """How far a follower can get.

    progress: the most that was seen; run: some run to it, not the shortest. nodes: every state that was visited with
    this progress. exhausted: whether more progress is impossible; stopped: the limit that ended the search instead.
    """

    progress: int
    run: list[tuple[Any, Step]]
    nodes: tuple[tuple[Any, Mark], ...]
    states: int
    transitions: int
    exhausted: bool
    stopped: str = ""


def deepest(product: Product, limits: Limits | None = None, progress: Progress | None = None) -> Deepest:
    """Return how far the product's follower can get, going on first where it has got furthest.

    A state that was visited with more progress is not visited with less: whatever it could do is done from there.
    """
    running = _Deepening(product, limits or Limits(), progress)
    return running.result(undisturbed(running.run))


class _Deepening:
    def __init__(self, product: Product, limits: Limits, progress: Progress | None) -> None:
        self.product = product
        self.start = product.initial()
        self.parents: dict[Hashable, tuple[Hashable, Step] | None] = {self.start: None}
        self.reached: dict[Hashable, int] = {}
        self.queue: list[tuple[int, int, int, Any]] = [(-self.start[1].progress, 0, 0, self.start)]
        self.most = self.start[1].progress
        self.nodes: list[tuple[Any, Mark]] = []
        self.states = self.transitions = self.found = 0
        self.furthest: Any = self.start
        self.watch = Watch(limits, progress)

    def run(self) -> str:
        """Visit the states by their progress, and return the limit that ended it."""
        while self.queue and self.most < self.product.goal:
            _, length, _, state = heappop(self.queue)
            if self.covered(state):
                continue
            if stopped := self.watch.limit(self.states):
                return stopped
            self.visit(state, length)
        return ""

    def covered(self, state: tuple[Any, Mark]) -> bool:
        """Return whether nothing new comes of `state`, and remember it otherwise."""
        inside, mark = state
        key = (inside, mark.memory, self.product.follower.period(mark.progress))
        known = self.reached.get(key, -1)
        if known >= mark.progress:
            return True
        if not self.product.follower.bound(mark.progress):
            self.reached[key] = mark.progress
        return False

    def visit(self, state: tuple[Any, Mark], length: int) -> None:
        self.states += 1
        if state[1].progress == self.most:
            self.nodes.append(state)
        for step in expand(self.product, state):
            self.transitions += 1
            if step.state in self.parents:
                continue
            self.parents[step.state] = (state, step)
            progress = step.state[1].progress
            if progress > self.most:
                self.most, self.furthest, self.nodes = progress, step.state, []
            self.found += 1
            cost = length + step.switches * SWITCH + step.events
            heappush(self.queue, (-progress, cost, self.found, step.state))

    def result(self, stopped: str) -> Deepest:
        run: list[tuple[Any, Step]] = []
        at: Any = self.furthest
        while (parent := self.parents[at]) is not None:
            run.append(parent)
            at = parent[0]
        exhausted = not self.queue and not stopped
        return Deepest(self.most, run[::-1], tuple(self.nodes), self.states, self.transitions, exhausted, stopped)
