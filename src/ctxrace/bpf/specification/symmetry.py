"""Reductions that are layered on a specification: tasks that count as one another, and switches that do not count."""

from collections.abc import Sequence

from ctxrace.bpf.specification.code import Context
from ctxrace.bpf.specification.system import NONE, Specification, State
from ctxrace.core.system import Step

__all__ = ["Symmetric", "UncountedSwitches"]


class UncountedSwitches:
    """`system` without the count of switches: then a state does not say which task ran last."""

    def __init__(self, system: Specification) -> None:
        self.system, self.properties = system, system.properties

    def initial(self) -> State:
        """Return the idle CPUs."""
        return self.system.initial()

    def steps(self, state: State) -> list[Step]:
        """Return the system's steps, none of which counts as a switch."""
        return [forget_switches(step) for step in self.system.steps(state)]


class Symmetric:
    """`system` with its tasks of one kind counted as one another: the contexts of each kind are kept in order."""

    def __init__(self, system: Specification) -> None:
        self.system, self.properties = system, system.properties
        tasks, fifo = system.callers.tasks, system.callers.fifo
        self.kinds = (range(tasks - fifo), range(tasks - fifo, tasks))

    def initial(self) -> State:
        """Return the idle CPUs."""
        return self.system.initial()

    def steps(self, state: State) -> list[Step]:
        """Return one step for all tasks of a kind that stand at the same place; no step counts as a switch."""
        found: dict[object, Step] = {}
        for choice in self.system.choices(state):
            kind = next((kind for kind in self.kinds if choice.who in kind), choice.who)
            alike = (kind, choice.cpu, choice.early, state.contexts[choice.who])
            if alike not in found:
                step = forget_switches(self.system.step(state, choice))
                found[alike] = step._replace(state=step.state._replace(contexts=self.fold(step.state.contexts)))
        return list(found.values())

    def fold(self, contexts: Sequence[Context]) -> tuple[Context, ...]:
        """Return `contexts` with the tasks of each kind in order: it is the same for every permutation of them."""
        ordered = [sorted(contexts[kind.start : kind.stop]) for kind in self.kinds]
        return (*ordered[0], *ordered[1], *contexts[self.kinds[1].stop :])

    def unfold(self, run: Sequence[tuple[State, Step]]) -> list[tuple[State, Step]]:
        """Return a run of `system` that is `run` with the tasks told apart."""
        system, state, unfolded = self.system, self.system.initial(), []
        for before, step in run:
            choice = system.choice(step)
            me = before.contexts[choice.who]
            same = [kind for kind in self.kinds if choice.who in kind]
            able = [who for kind in same for who in kind if state.contexts[who] == me] or [choice.who]
            who = next((who for who in state.current if who in able), able[0])
            unfolded.append((state, system.step(state, choice._replace(who=who))))
            state = unfolded[-1][1].state
        return unfolded


def forget_switches(step: Step) -> Step:
    """Return `step` without the switches that it counts, and the tasks that are current after it."""
    state: State = step.state
    return step._replace(state=state._replace(current=(NONE,) * len(state.current)), switches=0)
