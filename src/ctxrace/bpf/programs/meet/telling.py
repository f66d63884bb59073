"""A run of two programs as plain facts: who begins, what each event touches, how the memory is called in C."""

from collections.abc import Sequence
from typing import Any

from ctxrace.bpf.programs.elf.object import BpfObject, variable_at
from ctxrace.bpf.programs.follow.helpers import HELPERS
from ctxrace.bpf.programs.follow.operands import Code
from ctxrace.bpf.programs.follow.values import Region, Scalar, Space
from ctxrace.bpf.programs.isa.instruction import Kind
from ctxrace.bpf.programs.meet.system import IDLE, Label, PairState, PairSystem
from ctxrace.core.interleaving import Source
from ctxrace.core.meeting import Happening, Moment, Touch, Use
from ctxrace.core.system import Step

__all__ = ["memory_name", "place_name", "tell"]

_USES = {"read": Use.READS, "write": Use.WRITES, "send": Use.SENDS}


def tell(system: PairSystem, run: Sequence[tuple[PairState, Step]]) -> tuple[Happening, ...]:
    """Return the rows of a run, given as its steps with the state before each."""
    rows: list[Happening] = []
    code = system.watched.code
    for before, step in run:
        label: Label = step.label  # type: ignore[assignment]
        if label.action == "start":
            rows.append(Happening(Moment.BEGINS, label.side))
        elif label.action == "switch":
            rows.append(Happening(Moment.RESUMES, label.side))
        else:
            rows += _event(system, code, before, label)
            after: PairState = step.state
            if after.of(label.side) is None:
                rows.append(Happening(Moment.ENDS, label.side))
                if after.running not in (IDLE, label.side):
                    rows.append(Happening(Moment.RESUMES, after.running))
    return tuple(rows)


def _event(system: PairSystem, code: Code, before: PairState, label: Label) -> list[Happening]:
    side, mine, other = label.side, before.of(label.side), before.of(1 - label.side)
    assert mine is not None
    outcome = system.invocations.outcomes(side, mine, before.memory, other.pending if other else None)[label.way]
    touches = tuple(_touch(code, *logged) for logged in outcome.effects.log)
    node = code.nodes[mine.node]
    known = code.object.source(node.section, node.slot)
    source = known if known.file else Source(node.section, node.slot)  # without debug information
    return [Happening(Moment.EVENT, side, source, what(code, mine.node), touches)]


def what(code: Code, number: int) -> str:
    """Return what an instruction is: its spelling, or the name of what it calls."""
    node = code.nodes[number]
    x = code.instruction(node)
    if x.form.kind is Kind.CALL:
        reference = code.reference(node)
        if reference is not None:
            return reference.name
        if not x.src:
            known = HELPERS.get(x.imm)
            return known.name if known else f"helper {x.imm}"
    return str(x)


def _touch(code: Code, kind: str, region: Region, low: int, high: int, value: Any) -> Touch:  # noqa: ANN401
    number = value.low if isinstance(value, Scalar) and value.low == value.high else None
    return Touch(_USES[kind], memory_name(region), low, high - low, place_name(code.object, region, low, high), number)


def memory_name(region: Region) -> str:
    """Return how a region is called: a map with its element, or a section."""
    key = region.key
    if region.space is Space.DATA:
        return region.name
    if isinstance(key, int):
        return f"{region.name}[{key}]"
    while isinstance(key, tuple) and key and isinstance(key[0], tuple):
        key = key[0]
    word = key[0] if isinstance(key, tuple) else str(key)
    spelled = {"?": "key", "*": "key", "cpu": "cpu", "task": "current", "pid_tgid": "pid_tgid", "low": "pid"}
    return f"{region.name}[{spelled.get(word, word)}]"


def place_name(loaded: BpfObject, region: Region, low: int, high: int) -> str:
    """Return how C spells bytes of a region: the variable or member they are, else the memory and an offset."""
    if region.space is Space.DATA:
        found = variable_at(loaded, region.name, low, high - low)
        return found or f"{region.name}+{low}"
    known = loaded.maps.get(region.name)
    name = memory_name(region)
    if loaded.btf is not None and known is not None and known.value:
        size = loaded.btf.size(known.value)
        if (low, high) == (0, size):
            return name
        member = loaded.btf.field(known.value, low, high - low)
        if member:
            return name + member
    return f"{name}+{low}" if low else name


__all__ += ["what"]
