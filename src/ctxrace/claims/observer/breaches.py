"""Which of the properties that a claim names have been broken by now: once broken, a property stays so.

Two activations of a body overlap only if both have begun, and a claim may have a call later than the event with which
the system notes it. So whoever has a call of the body pending has entered it, and cannot be said to call it later; or
it has not entered it yet, and nothing is broken. Both are followed.
"""

from collections.abc import Iterator
from itertools import combinations

from ctxrace.claims.observer.step_readings import Memory
from ctxrace.claims.resolve import Resolved
from ctxrace.claims.syntax import Act
from ctxrace.core.system import Step
from ctxrace.kernel.model.state import CRASHED, KernelState
from ctxrace.kernel.model.system import KernelSystem

__all__ = ["Breaches"]


class Breaches:
    """Know what is broken in states of `system`, of the properties that `resolved` names.

    bits: of each of them its bit in `Memory.broken`.
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

    def by(self, step: Step) -> int:
        """Return what `step` breaks for certain, whatever is still pending."""
        broken = sum(bit for prop, bit in self.bits.items() if prop in step.broken)
        return broken if step.state.shared == CRASHED else broken & self._at_once

    def when_idle(self, step: Step) -> int:
        """Return what `step` breaks in that the CPU is idle after it."""
        return self.by(step) & self._at_idle

    def ways(self, state: KernelState, memory: Memory) -> list[Memory]:
        """Return what may be remembered in `state`: `memory`, and with calls that are pending taken to have been."""
        found = [memory]
        if self._overlaps and state.shared != CRASHED:
            for bit, body, calls in self._overlaps:
                found = [after for before in found for after in self._either(state, before, bit, body, calls)]
        return found

    def _either(self, state: KernelState, memory: Memory, bit: int, body: str, calls: int) -> Iterator[Memory]:
        active = 0 if memory.broken & bit else self.system.activations(state, body)
        if active < 2:
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
