"""Which of the properties that a claim names have been violated by now. A violation is remembered.

Two activations of a body overlap only if both have begun. A claim may have a call later than the event with which the
system notes it. So a context whose call of the body is pending may have entered it, and then the claim cannot name that
call later; or it has not entered it yet, and nothing is violated. The observer follows both.
"""

from collections.abc import Iterator
from itertools import combinations

from ctxrace.claims.observer.step_readings import Remembered
from ctxrace.claims.observer.task_bindings import NOTHING_BELOW, Below
from ctxrace.claims.resolve import Resolved
from ctxrace.claims.syntax import Act
from ctxrace.core.system import Step
from ctxrace.kernel.model.state import CRASHED, KernelState
from ctxrace.kernel.model.system import KernelSystem
from ctxrace.kernel.properties.coverage import runs

__all__ = ["Breaches"]


class Breaches:
    """Find the properties that `resolved` names and that steps of `system` violate.

    bits: of each of them its bit in `Remembered.broken`.
    """

    def __init__(self, system: KernelSystem, resolved: Resolved) -> None:
        self.system = system
        self.bits = {prop: 1 << k for k, prop in enumerate(dict.fromkeys(resolved.properties.values()))}
        acts = [line.says if isinstance(line.says, Act) else None for line in resolved.claim.steps]
        called = [resolved.functions[act.subject] if act and act.kind == "call" else "" for act in acts]
        self._overlaps = [
            (bit, prop.subjects[0], sum(1 << k for k, function in enumerate(called) if function == prop.subjects[0]))
            for prop, bit in self.bits.items()
            if prop.kind == "exclusive"
        ]
        self._at_idle = sum(
            bit for prop, bit in self.bits.items() if prop.kind in ("balanced", "recovers", "progress")
        )
        self._at_once = sum(bit for prop, bit in self.bits.items() if prop.kind != "exclusive")

    def by(self, step: Step, below: Below = NOTHING_BELOW) -> int:
        """Return what `step` violates, whatever calls are still pending."""
        broken = sum(bit for prop, bit in self.bits.items() if prop in step.broken) & self._at_once
        if step.state.shared == CRASHED:
            active = zip(self._overlaps, self.active(step.state, below), strict=True)
            broken |= sum(bit for (bit, body, _), number in active if runs(body) in step.witnessed and number > 1)
        return broken

    def active(self, state: KernelState, below: Below) -> tuple[int, ...]:
        """Return how often the body of each property that forbids overlaps is active."""
        here = [self.system.activations(state, body) for _, body, _ in self._overlaps]
        return tuple(map(sum, zip(here, below.active, strict=True))) if below.active else tuple(here)

    def when_idle(self, step: Step) -> int:
        """Return the idle-time properties that `step` violates."""
        return self.by(step) & self._at_idle

    def ways(self, state: KernelState, memory: Remembered) -> list[Remembered]:
        """Return what may be remembered in `state`: `memory`, and variants in which pending calls have been made."""
        found = [memory]
        if self._overlaps and state.shared != CRASHED:
            bodies = self.active(state, memory.below)
            for (bit, _, calls), active in zip(self._overlaps, bodies, strict=True):
                found = [after for before in found for after in self._either(before, bit, active, calls)]
        return found

    def _either(self, memory: Remembered, bit: int, active: int, calls: int) -> Iterator[Remembered]:
        if active < 2 or memory.broken & bit:
            yield memory
            return
        pending = [
            (who, k) for who, masks in enumerate(memory.pending) for k, mask in enumerate(masks) if mask & calls
        ]
        begun = active - len(pending)
        if begun < 2:
            yield memory
        for entered in combinations(pending, max(0, 2 - begun)):
            after = memory._replace(broken=memory.broken | bit)
            for who, k in entered:  # of one context in order, so that its last one counts
                left = memory.pending[who][k + 1 :]
                after = after._replace(pending=(*after.pending[:who], left, *after.pending[who + 1 :]))
            yield after
