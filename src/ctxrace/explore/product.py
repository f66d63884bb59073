"""The product of a system and an observer, and its two searches.

An observer reads the steps of a system and remembers in an `ObserverState` how far it has got: which of the steps that
it waits for have been taken, in order. The shortest run to its goal is an ordinary search of the product automaton.
The most progress that is possible is found faster by a search that always goes on where the observer has got furthest.
"""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from ctxrace.core.facts.stop import Stop
from ctxrace.core.property import Property
from ctxrace.core.system import Run, Step, System
from ctxrace.explore.expand import expand
from ctxrace.explore.walk import Walk
from ctxrace.explore.watch import Limits, Progress, Watch, undisturbed

__all__ = ["REACHED", "Deepest", "Label", "Observer", "ObserverState", "Product", "deepest", "inner"]

_PROGRESS = 1 << 96
"""What one more step of the observer outweighs: any length."""

REACHED = Property("reached", (), "the observer never gets to its goal")


class ObserverState(NamedTuple):
    """How far an observer has got.

    Of two states with equal memory and one `Observer.period`, the one with more progress dominates: whatever the other
    can reach, it can reach, too.
    """

    progress: int
    memory: Hashable = ()


class Label(NamedTuple):
    """The label of a product's step: the system's own, the actor, and the observer's state after it."""

    label: Hashable
    actor: Hashable
    observed: ObserverState


class Observer(Protocol):
    """What reads the steps of a system."""

    @property
    def goal(self) -> int:
        """The progress at which it has seen everything."""
        ...

    def initial(self, state: Any, /) -> ObserverState:  # noqa: ANN401 - a state of any system
        """Return the observer's state before the first step."""
        ...

    def observe(  # the state is that of any system
        self, state: Any, step: Step, observed: ObserverState, /  # noqa: ANN401
    ) -> Iterable[tuple[Hashable, ObserverState]]:
        """Return the actors that may have taken `step`, each with the state after it; nothing where it is forbidden."""
        ...

    def period(self, progress: int) -> int:
        """Return the number of the phase within which more progress dominates less."""
        ...

    def bound(self, progress: int) -> bool:
        """Return whether the very next step must be the one that is waited for."""
        ...


class Product:
    """`system`, and how far `observer` has got. A step that brings it to `goal` breaks `REACHED`, and is an end."""

    properties: Sequence[Property] = (REACHED,)

    def __init__(self, system: System[Any], observer: Observer, goal: int | None = None) -> None:
        self.system, self.observer = system, observer
        self.goal = observer.goal if goal is None else goal

    def initial(self) -> tuple[Any, ObserverState]:
        """Return the system's initial state, and the observer's state there."""
        start = self.system.initial()
        return start, self.observer.initial(start)

    def steps(self, state: tuple[Any, ObserverState]) -> list[Step]:
        """Return the system's steps as the observer reads them."""
        inner, observed = state
        if observed.progress >= self.goal:
            return []
        found = []
        for step in expand(self.system, inner):
            for actor, after in self.observer.observe(inner, step, observed):
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
    """How far an observer can get.

    progress: the most that was seen; run: some run to it, not the shortest. nodes: every state that was visited with
    this progress. exhausted: whether more progress is impossible; stopped: the limit that ended the search instead.
    """

    progress: int
    run: Run
    nodes: tuple[tuple[Any, ObserverState], ...]
    states: int
    transitions: int
    exhausted: bool
    stopped: Stop | None = None


def deepest(product: Product, limits: Limits | None = None, progress: Progress | None = None) -> Deepest:
    """Return how far the product's observer can get, going on first where it has got furthest.

    A state that was visited with more progress is not visited again with less.
    """
    running = _Deepening(product, limits or Limits(), progress)
    return running.result(undisturbed(running.run))


class _Deepening(Walk):
    """Go on first where the observer has got furthest, and then in the order of discovery."""

    def __init__(self, product: Product, limits: Limits, progress: Progress | None) -> None:
        self.product = product
        self.reached: dict[Hashable, int] = {}
        self.most = -1
        self.furthest = 0
        self.nodes: list[tuple[Any, ObserverState]] = []
        super().__init__(product)
        self.watch = Watch(limits, progress)

    def wait(self, number: int, key: int) -> None:
        """Let a state wait by its progress first, and then by its length."""
        progress: int = self.found[number][1].progress
        if progress > self.most:
            self.most, self.furthest, self.nodes = progress, number, []
        super().wait(number, key - progress * _PROGRESS)

    def wanted(self, number: int, _key: int) -> bool:
        """Return whether anything new comes of a state, and remember it then."""
        state, observed = self.found[number]
        key = (state, observed.memory, self.product.observer.period(observed.progress))
        known = self.reached.get(key, -1)
        if known >= observed.progress:
            return False
        if not self.product.observer.bound(observed.progress):
            self.reached[key] = observed.progress
        return True

    def shortens(self) -> bool:
        """Return that the first way stays: what counts is how far it leads."""
        return False

    def run(self) -> Stop | None:
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
        return None

    def result(self, stopped: Stop | None) -> Deepest:
        """Return how far it got. stopped: the limit that ended it, if one did."""
        run = self.trace(self.ways[self.furthest])
        exhausted = self.nearest is None and not stopped
        return Deepest(self.most, run, tuple(self.nodes), self.states, self.transitions, exhausted, stopped)
