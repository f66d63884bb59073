"""The schedule of a run of two programs: which steps they take, and which way where there are several."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from ctxrace.bpf.programs.follow.operands import Code
from ctxrace.bpf.programs.follow.values import Region
from ctxrace.bpf.programs.meet.system import Label
from ctxrace.core.errors import ScenarioError
from ctxrace.core.schedule import Schedule, Stint
from ctxrace.core.system import Step

__all__ = ["code_mark", "fingerprint", "labels_of", "region_mark", "schedule_of"]

_NAMES = "AB"
_ACTIONS = {"start": "+", "switch": "=", "step": ""}


def fingerprint(*parts: object) -> str:
    """Return eight digits that stand for `parts`."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:8]


def code_mark(code: Code) -> str:
    """Return the fingerprint of what a verdict on an object depends on: code, maps, and what is assumed of both.

    Source lines and the names of types are not among it, so that another build directory changes nothing.
    """
    loaded = code.object
    maps = [replace(each, value=0) for _, each in sorted(loaded.maps.items())]
    functions = sorted((each.section, each.start, each.end, each.name) for each in loaded.functions.values())
    adapted = [
        (section, slot, each.kind, loaded.btf[each.type].name if loaded.btf else "", each.access)
        for section, rows in sorted(loaded.adapted.items())
        for slot, each in sorted(rows.items())
    ]
    return fingerprint(
        sorted(loaded.code.items()), sorted(loaded.references.items()), functions, maps, adapted, code.rodata,
        sorted(code.assumed), sorted(code.tail_calls.items()), *([loaded.unresolved] if loaded.unresolved else ()),
    )  # fmt: skip


def region_mark(code: Code, region: Region) -> str:
    """Return what tells a region apart, whichever programs were followed besides."""
    return repr(region._replace(key=_spelled(code, region.key)))


def _spelled(code: Code, key: Any) -> Any:  # noqa: ANN401
    """Return a key with the place of an instruction instead of its number, which depends on what came before."""
    if not isinstance(key, tuple):
        return key
    if len(key) == 2 and key[0] in ("?", "in") and isinstance(key[1], int) and key[1] >= 0:
        node = code.nodes[key[1]]
        place, frame = [(node.section, node.slot)], code.frames[node.frame]
        while frame.caller >= 0:
            place.append((frame.section, frame.back))
            frame = code.frames[frame.caller]
        return key[0], tuple(place)
    return tuple(_spelled(code, part) for part in key)


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
