"""What a claim says of a state: that the CPU is idle, what memory holds, what never ran, what is stuck or hangs."""

from collections.abc import Iterator
from typing import Any

from ctxrace.claims.observer.breaches import Breaches
from ctxrace.claims.observer.step_masks import StepMasks
from ctxrace.claims.observer.step_readings import Remembered
from ctxrace.claims.resolve import Resolved, variable_of
from ctxrace.claims.syntax import Term
from ctxrace.core.errors import LimitReached
from ctxrace.core.facts.stop import StateLimit
from ctxrace.core.system import Step
from ctxrace.explore.possible import reaches_goal
from ctxrace.kernel.model.state import CRASHED, EVENT, Arrive, KernelState, Others, Start
from ctxrace.kernel.model.system import KernelSystem
from ctxrace.kernel.properties.hang import HANG

__all__ = ["MOST_STATES", "Conditions"]

MOST_STATES = 100_000
"""As many states are looked at to know whether one hangs."""


class Conditions:
    """Judge terms in states of `system`, with the names of `resolved`."""

    def __init__(self, system: KernelSystem, resolved: Resolved, step_masks: StepMasks, breaches: Breaches) -> None:
        self.system, self.resolved, self.step_masks, self.breaches = system, resolved, step_masks, breaches
        self._stuck: dict[tuple[int, int, Others, str], bool] = {}
        self._hopeless: dict[KernelState, bool] = {}
        self.never_hangs = False  # whether that is known of all states

    def holds(self, term: Term, state: KernelState, step: Step | None, memory: Remembered) -> bool:
        """Return whether `term` is true after `step`, which has led to `state` (None: nothing has happened yet).

        memory: what has happened besides, this step included.
        """
        if term.kind == "violates":
            return bool(memory.broken & self.breaches.bits[self.resolved.properties[term.subject]])
        if state.shared == CRASHED:
            return False
        match term.kind:
            case "idle":
                return self.system.is_idle(state)
            case "value":
                assert term.value is not None
                return term.value.accepts(self._value(state.shared, term.subject), self._size(term.subject))
            case "hangs":
                return self._hangs(state)
            case "never":
                entered = self.step_masks.functions[self.resolved.functions[term.subject]]
                return step is not None and not memory.ran & entered
            case _:
                return self._is_stuck(state, term.subject)

    def _size(self, name: str) -> int:
        return self.resolved.places[name].size

    def _value(self, shared: int, name: str) -> int:
        place = self.resolved.places[name]
        data = self.system.shared.values[shared][place.start : place.start + place.size]
        return int.from_bytes(data, self.system.image.arch.byte_order)

    def value(self, state: KernelState, name: str) -> int | None:
        """Return what the place called `name` holds in `state`, with its sign; None where that is not known."""
        if state.shared == CRASHED:
            return None
        place, value = self.resolved.places[name], self._value(state.shared, name)
        variable = variable_of(place.name)
        offset = place.start - self.system.layout.variable(variable).start
        signed = self.system.image.is_signed(variable, offset, place.size)
        return value - (1 << 8 * place.size) if signed and value >> 8 * place.size - 1 else value

    def _hangs(self, state: KernelState) -> bool:
        """Return whether the entries in flight can never come to their end; raise `LimitReached` where that is unknown.

        As for `ctxrace check`, contexts may begin as often as the scenario allows, also those that the claim names.
        """
        if self.never_hangs:
            return False
        if state not in self._hopeless:
            reaches = not self.system.is_idle(state) and reaches_goal(self.system, state, HANG, MOST_STATES)
            if reaches is None:
                raise LimitReached(StateLimit(MOST_STATES))
            self._hopeless[state] = not reaches and not self.system.is_idle(state)
        return self._hopeless[state]

    def _is_stuck(self, state: KernelState, name: str) -> bool:
        """Return whether the CPU is idle, `name` is not as at the start, and undisturbed entries leave it so."""
        key = (state.shared, state.current, state.others, name)
        if key not in self._stuck:
            first = self._value(self.system.initial().shared, name)
            now = self._value(state.shared, name)
            self._stuck[key] = self.system.is_idle(state) and now != first and all(
                self._value(end.shared, name) == now for end in self._undisturbed(state)
            )  # fmt: skip
        return self._stuck[key]

    def _undisturbed(self, state: KernelState) -> Iterator[KernelState]:
        """Return the idle states after one more entry each, left alone."""
        for begin in self.system.steps(state):
            if not isinstance(begin.label, Start | Arrive):
                continue
            here: Any = begin.state
            seen: set[KernelState] = set()
            while here.shared != CRASHED and not self.system.is_idle(here) and here not in seen:
                seen.add(here)
                here = next((step.state for step in self.system.steps(here) if step.label == EVENT), here)
            if here.shared != CRASHED and here not in seen:
                yield here
