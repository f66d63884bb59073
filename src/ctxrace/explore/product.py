"""A system followed step by step by somebody who waits for something: the product of both, and its two searches.

A follower reads along while a system runs, and remembers in a `Mark` how far it has got: which of the steps that it
waits for have been taken, in order. The shortest run that brings it to its goal is an ordinary search of the product;
how far it can be brought at all is found faster by always going on where it has got furthest.
"""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from ctxrace.core.property import Property
from ctxrace.core.system import Run, Step, System
from ctxrace.explore.expand import expand
from ctxrace.explore.walk import Walk
from ctxrace.explore.watch import Limits, Progress, Watch, undisturbed

__all__ = ["REACHED", "Deepest", "Follower", "Label", "Mark", "Product", "deepest", "inner"]

_PROGRESS = 1 << 96
"""What one more step of the follower outweighs: any length."""

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
    run: Run
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


class _Deepening(Walk):
    """Go on first where the follower has got furthest, and then by the way that was found first."""

    def __init__(self, product: Product, limits: Limits, progress: Progress | None) -> None:
        self.product = product
        self.reached: dict[Hashable, int] = {}
        self.most = -1
        self.furthest = 0
        self.nodes: list[tuple[Any, Mark]] = []
        super().__init__(product)
        self.watch = Watch(limits, progress)

    def key(self, number: int) -> int:
        """Return what goes by progress first, and then by length."""
        progress: int = self.found[number][1].progress
        if progress > self.most:
            self.most, self.furthest, self.nodes = progress, number, []
        return self.lengths[number] - progress * _PROGRESS

    def wanted(self, number: int, _key: int) -> bool:
        """Return whether anything new comes of a state, and remember it then."""
        state, mark = self.found[number]
        key = (state, mark.memory, self.product.follower.period(mark.progress))
        known = self.reached.get(key, -1)
        if known >= mark.progress:
            return False
        if not self.product.follower.bound(mark.progress):
            self.reached[key] = mark.progress
        return True

    def shortens(self) -> bool:
        """Return that the first way stays: what counts is how far it leads."""
        return False

    def run(self) -> str:
        """Visit the states by their progress, and return the limit that ended it."""
        while self.nearest is not None and self.most < self.product.goal:
            number = self.following()
            if number is None:
                continue
            if stopped := self.watch.limit(self.states):
                return stopped
            if self.found[number][1].progress == self.most:
                self.nodes.append(self.found[number])
            self.visit(number)
        return ""

    def result(self, stopped: str) -> Deepest:
        """Return how far it got. stopped: the limit that ended it, if one did."""
        run = self.trace(self.ways[self.furthest])
        exhausted = self.nearest is None and not stopped
        return Deepest(self.most, run, tuple(self.nodes), self.states, self.transitions, exhausted, stopped)
