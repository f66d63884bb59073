"""What is true at the end of a run that violates something."""

from collections.abc import Iterator, Sequence
from typing import Any

from ctxrace.core.ending import (
    BodyNeverRan,
    BodyOverlaps,
    CheckFalse,
    Difference,
    Ending,
    NotRecovered,
    NotRestored,
    SleepBug,
    SleepsWrongly,
    Undefined,
    ValuesLeft,
)
from ctxrace.core.hang import Hang
from ctxrace.core.interleaving import Event
from ctxrace.core.note import NoteKind
from ctxrace.core.property import Property
from ctxrace.core.system import Step
from ctxrace.core.turn import Turn
from ctxrace.kernel.model.state import KernelState
from ctxrace.kernel.model.system import KernelSystem
from ctxrace.kernel.rules.sleeping import BLOCKS

__all__ = ["endings_of"]


def endings_of(
    system: KernelSystem, run: Sequence[tuple[Any, Step]], rows: Sequence[Event | Turn]
) -> tuple[Ending, ...]:
    """Return what is true at the end of `run`, one fact for each property that its last step violates.

    rows: the run so far.
    """
    return tuple(dict.fromkeys(_ending(system, run, rows, broken) for broken in run[-1][1].broken))


def _check_false(rows: Sequence[Event | Turn]) -> CheckFalse:
    notes = (note for row in reversed(rows) for note in row.notes if note.kind is NoteKind.CHECK_FAILS)
    last = next(notes, None)
    return CheckFalse(last.subject, last.source) if last else CheckFalse()


def _ending(
    system: KernelSystem, run: Sequence[tuple[Any, Step]], rows: Sequence[Event | Turn], broken: Property
) -> Ending:
    state: KernelState = run[-1][1].state
    match broken.kind:
        case "exclusive":
            body = broken.subjects[0]
            return BodyOverlaps(body, system.activations(state, body))
        case "balanced":
            found = _differences(system, state.shared, broken.subjects[0])
            return ValuesLeft(tuple(dict.fromkeys(found)))
        case "recovers":
            entry, body = broken.subjects
            return NotRecovered(entry, body)
        case "progress":
            entry, body = broken.subjects
            return BodyNeverRan(entry, body)
        case "hang":
            return Hang()  # `tell` knows more of it
        case "check":
            return _check_false(rows)
        case "fault":
            return Undefined()
        case "sleep":
            return _sleeps(system, run)
        case _:
            return NotRestored()


def _sleeps(system: KernelSystem, run: Sequence[tuple[Any, Step]]) -> SleepsWrongly:
    state, _ = run[-1]
    move = system.after_event(state).move
    called = next(name for kind, name in move.outcome.notes if kind == "sleeps")
    mine = system.task_structs.values[move.task_struct]
    count, halves = system.layout.preempt_count(mine), system.layout.softirq_disable_count(mine)
    if called not in BLOCKS:
        bug = SleepBug.INVALID_CONTEXT
    elif count or move.outcome.masked:
        bug = SleepBug.ATOMIC
    else:
        # kernel/rcu/tree_plugin.h, rcu_note_context_switch(): bottom halves that are off are a reader's section.
        bug = SleepBug.RCU_READER
    return SleepsWrongly(bug, called, count, halves, bool(move.outcome.masked))


def _differences(system: KernelSystem, shared: int, variable: str) -> Iterator[Difference]:
    order = system.image.arch.byte_order
    memories = system.layout.shared, system.shared.values[shared]
    copies = [system.layout.contents(variable, memory) for memory in memories]
    for cpu, (first, now) in enumerate(zip(*copies, strict=True)):
        whose = f"CPU {cpu}'s " if len(copies[0]) > 1 else ""
        at = 0
        while at < len(now):
            if now[at] == first[at]:
                at += 1
                continue
            start, size, name = _piece_at(system, variable, at, len(now))
            value, was = (int.from_bytes(blob[start : start + size], order) for blob in (now, first))
            if system.image.is_signed(variable, start, size):
                value, was = (int.from_bytes(blob[start : start + size], order, signed=True) for blob in (now, first))
            yield Difference(f"{whose}{name}", value, was)
            at = start + size


def _piece_at(system: KernelSystem, variable: str, at: int, end: int) -> tuple[int, int, str]:
    """Return start, size and name of the smallest piece of `variable` around byte `at` that has a name in C."""
    for size in (1, 2, 4, 8):
        start = at - at % size
        name = system.image.place(variable, start, size)
        if "+" not in name and start + size <= end:
            return start, size, name
    return at, 1, f"byte {at} of {variable}"
