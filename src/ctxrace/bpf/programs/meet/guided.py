"""A run that one system has, looked for in another of the same two programs, where more is known of memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ctxrace.bpf.programs.meet.system import Label, PairState, PairSystem
from ctxrace.core.property import Property
from ctxrace.core.system import Run, Step
from ctxrace.explore.search import search
from ctxrace.explore.watch import Limits

__all__ = ["follow_run"]

MOST_STATES = 2_000  # a run leaves only the values open


class _GuidedState(NamedTuple):
    """A state, and how many events of the run are behind it."""

    state: PairState
    done: int


@dataclass(frozen=True)
class _Guide:
    """The events of a run that both systems have, in their order: which program is at which node.

    nodes: by program, all that are events in both systems.
    """

    events: Sequence[tuple[int, int]]
    nodes: tuple[frozenset[int], frozenset[int]]


class _GuidedSystem:
    """The part of `inner` in which the events of a guide happen in its order."""

    def __init__(self, inner: PairSystem, guide: _Guide) -> None:
        self.inner, self.guide = inner, guide
        self.properties: Sequence[Property] = inner.properties

    def initial(self) -> _GuidedState:
        return _GuidedState(self.inner.initial(), 0)

    def steps(self, position: _GuidedState) -> Iterator[Step]:
        state, done = position
        ahead = self.guide.events[done] if done < len(self.guide.events) else None
        for step in self.inner.steps(state):
            label: Label = step.label  # type: ignore[assignment]
            after = done
            if label.action == "step":
                mine = state.of(label.side)
                assert mine is not None
                if mine.node in self.guide.nodes[label.side]:
                    if (label.side, mine.node) != ahead:
                        continue
                    after = done + 1
            elif ahead is None or ahead[0] != label.side:
                continue
            yield step._replace(state=_GuidedState(step.state, after))


def follow_run(run: Sequence[tuple[Any, Step]], source: PairSystem, target: PairSystem, broken: Property) -> Run:
    """Return the shortest run of `target` that breaks `broken` with the events of a run of `source`; empty for none."""
    mine, theirs = source.invocations.events, target.invocations.events
    nodes = mine[0] & theirs[0], mine[1] & theirs[1]
    events = []
    for before, step in run:
        label: Label = step.label  # type: ignore[assignment]
        if label.action == "step" and before.of(label.side).node in nodes[label.side]:
            events.append((label.side, before.of(label.side).node))
    guided = _GuidedSystem(target, _Guide(events, nodes))
    found = search(guided, frozenset({broken}), Limits(MOST_STATES)).runs.get(broken, [])
    return [(position.state, step._replace(state=step.state.state)) for position, step in found]
