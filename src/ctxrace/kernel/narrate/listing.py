"""Which instructions are events, and why: learned from a search, for every instruction that an entry can reach."""

from ctxrace.core.interleaving import Event
from ctxrace.kernel.model.system import KernelSystem
from ctxrace.kernel.narrate.narrator import place_of
from ctxrace.machine.flow import EXIT

__all__ = ["listing"]


def listing(system: KernelSystem) -> list[Event]:
    """Return the reachable instructions by address; the notes of each say why it is an event, if it is one.

    `system` must have been searched: what is an event shows only when it is executed.
    """
    reasons: dict[int, dict[str, None]] = {}
    for identity, outcome in system.flows.outcomes():
        if outcome.address in (0, EXIT):
            continue
        found = reasons.setdefault(outcome.address, {})
        for touch in outcome.touches:
            _, _, name = place_of(system, touch.address, touch.size, identity)
            change = ": changes what may be scheduled" if name == "preempt_count" else ""
            found[f"{touch.kind}s {name}{change}"] = None
        for kind, what in outcome.notes:
            if kind == "leaves":
                found[f"leaves {what}"] = None
            if kind == "sleeps":
                found[f"may give up the CPU ({what})"] = None
        if system.flows.machine.changes_interrupt_mask(outcome.address):
            found["changes the interrupt mask"] = None
        if outcome.fault:
            found[outcome.fault] = None
        if system.flows.machine.asks_which_cpu(outcome.address):
            found["asks which CPU it is on"] = None
        if not found:
            found["succeeds only if the exclusive monitor is armed"] = None
    image, code = system.image, system.flows.machine.code
    lines = []
    for address in system.flows.machine.liveness.addresses:
        function = image.function_at(address)
        notes = tuple(sorted(reasons.get(address, ())))
        name = function.name if function else ""
        lines.append(Event("", address, str(code[address]), name, image.source(address), (), notes))
    return lines
