"""Which instructions are events, and why: learned from a search, for every instruction that an entry can reach."""

from ctxrace.core.interleaving import Event
from ctxrace.core.note import Note, NoteKind
from ctxrace.kernel.model.system import KernelSystem
from ctxrace.kernel.narrate.places import place_of
from ctxrace.machine.flow import EXIT

__all__ = ["listing"]

_NOTED = {"leaves": NoteKind.LEAVES, "sleeps": NoteKind.MAY_SLEEP}
"""What the machine notes, and makes an instruction an event."""


def listing(system: KernelSystem) -> list[Event]:
    """Return the reachable instructions by address; the notes of each say why it is an event, if it is one.

    `system` must have been searched: what is an event shows only when it is executed.
    """
    reasons: dict[int, dict[Note, None]] = {}
    for identity, outcome in system.flows.outcomes():
        if outcome.address in (0, EXIT):
            continue
        found = reasons.setdefault(outcome.address, {})
        for touch in outcome.touches:
            _, _, name = place_of(system, touch.address, touch.size, identity)
            kind = NoteKind.READS if touch.kind == "read" else NoteKind.WRITES
            reschedules = name == "preempt_count" and kind is NoteKind.WRITES
            found[Note(NoteKind.RESCHEDULES if reschedules else kind, name)] = None
        found |= {Note(_NOTED[kind], what): None for kind, what in outcome.notes if kind in _NOTED}
        if system.flows.machine.changes_interrupt_mask[outcome.address]:
            found[Note(NoteKind.MASKS)] = None
        if outcome.fault:
            found[Note(NoteKind.FAULTS, fault=outcome.fault)] = None
        if system.flows.machine.asks_which_cpu[outcome.address]:
            found[Note(NoteKind.ASKS_CPU)] = None
        if not found:
            found[Note(NoteKind.NEEDS_MONITOR)] = None
    image, code = system.image, system.flows.machine.code
    lines = []
    for address in system.flows.machine.liveness.addresses:
        function = image.function_at(address)
        notes = tuple(sorted(reasons.get(address, ()), key=str))
        name = function.name if function else ""
        lines.append(Event("", address, str(code[address]), name, image.source(address), (), notes))
    return lines
