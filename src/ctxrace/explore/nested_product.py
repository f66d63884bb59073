"""The product of a system with nested runs and an observer, and its search, in which nested runs are summed up.

What a nested run comes to depends on the observer's state at its beginning, and its result is the system's and the
observer's together. So the observer's state is a part of where a nested run starts, and of each of its ends: a summary
says of each state before which states may come after. An observer looks at whole states, of which a nested run has only
a part; what it needs of the rest, it remembers as long as the run goes on.
"""

from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple, Protocol

from ctxrace.core.nested import Begin, NestedSystem, Return
from ctxrace.core.property import Property
from ctxrace.core.system import Run, Step
from ctxrace.explore.expand import expand
from ctxrace.explore.product import Deepest, Label, Observer, ObserverState
from ctxrace.explore.summaries import summarized
from ctxrace.explore.watch import Limits, Progress

__all__ = ["Nearest", "NestedObserver", "furthest"]

_Observed = tuple[Any, ObserverState]


class NestedObserver(Observer, Protocol):
    """An observer that can be in a nested run without the state that this has cut in on.

    There `observe` reads each step as over every run that the nested run may have cut in on, in the same order.
    """

    def enter_nested(self, state: Any, observed: ObserverState, /) -> ObserverState | None:  # noqa: ANN401
        """Return its state where a nested run starts that cuts in on `state`; None: it needs all of `state` there.

        observed: its state after the step that begins the run. Where it needs all of `state`, the run is not summed up.
        """
        ...

    def leave_nested(self, began: ObserverState, ended: ObserverState, /) -> ObserverState:
        """Return its state after a nested run which has left it in `ended`; began: as `observed` above."""
        ...


class Nearest(NamedTuple):
    """How far an observer gets, and whether the run to there is known to be the shortest of all."""

    found: Deepest
    shortest: bool


def furthest(
    system: NestedSystem[Any],
    observer: NestedObserver,
    goal: int | None = None,
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> Nearest:
    """Return how far `observer` gets in `system`, at most to `goal`, with the shortest run to there.

    goal: None for the observer's own. The run is the one that `ctxrace.explore.search.search` finds in the `Product`.
    The nodes of nested runs are what these have of a state.
    """
    product = _NestedProduct(system, observer, observer.goal if goal is None else goal)
    found = summarized(product, frozenset(product.properties[-1:]), limits, progress)
    reached = [number for number, prop in enumerate(product.properties, 1) if prop in found.runs]
    most = max(reached, default=observer.initial(system.initial()).progress)
    prop = _reached(most)
    run = _labelled(found.runs.get(prop, []))
    size = (found.states, found.transitions, found.exhausted, found.stopped)
    nodes = tuple(product.nodes) if product.most == most else ()
    return Nearest(Deepest(most, run, nodes, *size), prop in found.shortest or not run)


def _reached(progress: int) -> Property:
    return Property("reached", (str(progress),))


class _Reading(NamedTuple):
    """The label of a step: the system's own, the actor, and which of the ways to read it this is.

    What the observer remembers afterwards is no part of it, as that is less in a nested run.
    """

    label: Hashable
    actor: Hashable
    number: int


class _NestedProduct:
    """`system` and how far `observer` has got. A step that brings it to a progress breaks the property of that.

    most: the furthest progress of a state that was visited; nodes: those states, of nested runs what they have.
    """

    def __init__(self, system: NestedSystem[Any], observer: NestedObserver, goal: int) -> None:
        self.system, self.observer, self.goal = system, observer, goal
        self.properties: Sequence[Property] = tuple(map(_reached, range(1, goal + 1)))
        self.most = -1
        self.nodes: dict[_Observed, None] = {}

    def initial(self) -> _Observed:
        start = self.system.initial()
        return start, self.observer.initial(start)

    def steps(self, state: _Observed) -> list[Step]:
        inner, observed = state
        self._visited(state)
        if observed.progress >= self.goal:
            return []
        found = []
        for step in expand(self.system, inner):
            for number, (actor, after) in enumerate(self.observer.observe(inner, step, observed)):
                broken = tuple(self.properties[observed.progress : after.progress])
                label = _Reading(step.label, actor, number)
                found.append(Step(label, (step.state, after), step.switches, step.events, broken))
        return found

    def called(self, state: _Observed, step: Step) -> Begin | None:
        label, (after, observed) = step.label, step.state
        assert isinstance(label, _Reading)
        begin = self.system.called(state[0], step._replace(label=label.label, state=after))
        if begin is None:
            return None
        entered = self.observer.enter_nested(state[0], observed)
        return None if entered is None else Begin((begin.start, entered), (begin.below, observed))

    def ended(self, state: _Observed) -> bool:
        return self.system.ended(state[0])

    def returned(self, below: tuple[Any, ObserverState], end: _Observed) -> Return:
        there = self.system.returned(below[0], end[0])
        return Return((there.state, self.observer.leave_nested(below[1], end[1])))

    def outside(self, _state: _Observed, prop: Property) -> Property | None:
        return prop

    def _visited(self, state: _Observed) -> None:
        progress = state[1].progress
        if progress > self.most:
            self.most, self.nodes = progress, {}
        if progress == self.most:
            self.nodes[state] = None


def _labelled(run: Run) -> Run:
    """Return `run` with the labels that a `Product` has."""
    labelled: Run = []
    for state, step in run:
        label = step.label
        assert isinstance(label, _Reading)
        labelled.append((state, step._replace(label=Label(label.label, label.actor, step.state[1]))))
    return labelled
