"""The schedule of a run of two programs: which steps they take, and which way where there are several."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

from ctxrace.bpf.programs.meet.system import Label
from ctxrace.core.errors import ScenarioError
from ctxrace.core.schedule import Schedule, Stint
from ctxrace.core.system import Step

__all__ = ["fingerprint", "labels_of", "schedule_of"]

_NAMES = "AB"
_ACTIONS = {"start": "+", "switch": "=", "step": ""}


def fingerprint(*parts: object) -> str:
    """Return eight digits that stand for `parts`."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:8]


def schedule_of(code: str, question: str, run: Sequence[tuple[Any, Step]]) -> str:
    """Spell a run. code, question: the fingerprints of the object and of what was asked."""
    stints: list[Stint] = []
    for _, step in run:
        label: Label = step.label  # type: ignore[assignment]
        way = f"/{label.way}" if label.way else ""
        who = f"{_NAMES[label.side]}{_ACTIONS[label.action]}{way}"
        if stints and stints[-1].who == who and label.action == "step":
            stints[-1] = Stint(who, stints[-1].steps + 1)
        else:
            stints.append(Stint(who, 1))
    return str(Schedule(code, question, tuple(stints)))


def labels_of(schedule: Schedule) -> Iterator[Label]:
    """Yield the labels that a schedule spells. Raises `ScenarioError` for a word that no run of programs has."""
    actions = {sign: action for action, sign in _ACTIONS.items()}
    for stint in schedule.stints:
        name, _, way = stint.who.partition("/")
        if name[:1] not in _NAMES or name[1:] not in actions or (way and not way.isdigit()):
            raise ScenarioError(f"{stint} is no step of two programs; one looks like A:3, A/1:1, B+:1 or A=:1")
        yield from [Label(actions[name[1:]], _NAMES.index(name[0]), int(way or 0))] * stint.steps
