"""What steps of the kernel do, as bits: bit k of a mask says that this could be the claimed step k.

Whether it is also depends on the context that takes the step: each context has a mask of its own steps.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from ctxrace.claims.resolve import Resolved
from ctxrace.claims.syntax import Act
from ctxrace.kernel.model.state import KernelState
from ctxrace.kernel.model.system import KernelSystem
from ctxrace.machine.memory import RegionKind, Touch

__all__ = ["EventMasks", "StepMasks"]


class EventMasks(NamedTuple):
    """What an event does. touches: its accesses in order; calls: what comes after them, in private.

    entered: bits of `StepMasks.functions` that it enters; ended: whether its context has returned.
    """

    touches: tuple[int, ...]
    calls: tuple[int, ...]
    entered: int
    ended: bool


class StepMasks:
    """Know the masks of everything that can happen in `system`, for the acts that `resolved` claims."""

    def __init__(self, system: KernelSystem, resolved: Resolved) -> None:
        self.system, self.resolved = system, resolved
        self.functions = {name: 1 << bit for bit, name in enumerate(dict.fromkeys(resolved.functions.values()))}
        self.acts = [line.says if isinstance(line.says, Act) else None for line in resolved.claim.steps]
        self._events: dict[tuple[int, int, int], EventMasks] = {}
        self._notes: dict[tuple[tuple[str, str], ...], tuple[tuple[int, ...], int]] = {}

    def own(self, who: str) -> int:
        """Return the mask of the steps that `who` takes."""
        return self._mask(lambda act: act.who == who)

    def turns(self, kind: str, who: str, over: str = "") -> int:
        """Return the mask of the steps that say that `who` starts, is switched to, arrives ..."""
        return self._mask(lambda act: act.kind == kind and act.who == who and act.over in ("", over))

    def event(self, state: KernelState) -> EventMasks:
        """Return what the running context's next event does."""
        key = (state.current, state.top, state.shared)
        known = self._events.get(key)
        if known is None:
            known = self._events[key] = self._look(state)
        return known

    def notes(self, notes: tuple[tuple[str, str], ...]) -> tuple[tuple[int, ...], int]:
        """Return the masks of calls and returns, in order, and the bits of the functions entered."""
        known = self._notes.get(notes)
        if known is None:
            known = self._notes[notes] = self._read(notes)
        return known

    def _mask(self, wanted: Callable[[Act], bool]) -> int:
        return sum(1 << k for k, act in enumerate(self.acts) if act is not None and wanted(act))

    def _look(self, state: KernelState) -> EventMasks:
        taken = self.system.after_event(state)
        outcome = taken.move.outcome
        calls, entered = self.notes(outcome.notes)
        return EventMasks(tuple(self._touches(state, outcome.touches)), calls, entered, taken.ended)

    def _touches(self, state: KernelState, touches: Sequence[Touch]) -> Iterator[int]:
        for touch, kind, at, before, after in self.system.contexts.contents(state, touches):
            acts = enumerate(self.acts)
            mask = sum(1 << k for k, act in acts if act and self._fits(act, touch, kind, at, before, after))
            if mask:
                yield mask

    def _fits(self, act: Act, touch: Touch, kind: RegionKind, at: int, before: bytes, after: bytes) -> bool:
        if act.kind != touch.kind:
            return False
        place = self.resolved.places[act.subject]
        if place.kind is not kind or not at <= place.start <= place.start + place.size <= at + touch.size:
            return False
        part = slice(place.start - at, place.start - at + place.size)
        order = self.system.image.arch.byte_order
        was, now = (int.from_bytes(data[part], order) for data in (before, after))
        return (act.old is None or act.old.accepts(was, place.size)) and (
            act.value is None or act.value.accepts(now, place.size)
        )

    def _read(self, notes: tuple[tuple[str, str], ...]) -> tuple[tuple[int, ...], int]:
        functions = self.resolved.functions
        masks, entered = [], 0
        for index, (kind, what) in enumerate(notes):
            if kind == "enters":
                entered |= self.functions.get(what, 0)
                masks.append(self._mask(lambda act, f=what: act.kind == "call" and functions[act.subject] == f))  # type: ignore[misc]
            elif kind == "leaves":
                then = notes[index + 1] if index + 1 < len(notes) else ("", "")
                result = int(then[1]) if then[0] == "returns" else None
                size = self.system.image.result_size(what) if result is not None else 0

                def returns(act: Act, function: str = what, value: int | None = result, size: int = size) -> bool:
                    if act.kind != "return" or functions[act.subject] != function:
                        return False
                    return act.value is None or (value is not None and act.value.accepts(value, size))

                masks.append(self._mask(returns))
        return tuple(mask for mask in masks if mask), entered
