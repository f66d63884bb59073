"""The one way in which every engine gets from a state to what may happen next."""

from collections.abc import Hashable, Sequence
from typing import Any

from ctxrace.core.errors import CtxraceError
from ctxrace.core.system import Step, System

__all__ = ["expand", "follow"]


def expand(system: System[Any], state: Hashable) -> Sequence[Step]:
    """Return the steps that `state` allows, in the system's order."""
    return tuple(system.steps(state))


def follow(system: System[Any], labels: Sequence[Hashable]) -> list[tuple[Any, Step]]:
    """Return the run that takes the steps called `labels` one after the other from the initial state.

    Raises `CtxraceError` where a label is not among what may happen.
    """
    run: list[tuple[Any, Step]] = []
    state = system.initial()
    for number, label in enumerate(labels, 1):
        step = next((step for step in expand(system, state) if step.label == label), None)
        if step is None:
            possible = ", ".join(str(step.label) for step in expand(system, state)) or "nothing"
            raise CtxraceError(
                f"step {number} cannot be {label}; possible there: {possible}; was this run made for other code?"
            )
        run.append((state, step))
        state = step.state
    return run
