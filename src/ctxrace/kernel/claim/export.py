"""An interleaving as a claim: what happened, in the language of claims."""

from collections.abc import Iterator, Mapping

from ctxrace.core.interleaving import Event, Interleaving, Turn
from ctxrace.core.property import Property
from ctxrace.core.schedule import Schedule
from ctxrace.kernel.context import INTERRUPT_NAMES
from ctxrace.kernel.program import Program
from ctxrace.kernel.replay import replay
from ctxrace.kernel.scenario import Scenario

__all__ = ["claim_of", "claim_text"]


def claim_of(program: Program, schedule: Schedule, scenario: Scenario, system: str) -> str:
    """Return the claim file that says what `schedule` does; system: what its system line says."""
    told, broken = replay(program, schedule, scenario)
    return claim_text(told, broken, system, tuple(group.entry for group in scenario.tasks))


def claim_text(
    told: Interleaving, broken: tuple[Property, ...], system: str, entries: tuple[str, ...] = ()
) -> str:
    """Return `told` as the text of a claim about `system`.

    broken: the properties that its last step breaks. entries: of the scenario's tasks, where they run several.
    """
    tasks = [name for name in told.contexts if name not in INTERRUPT_NAMES]
    lines = [f"system {system}"]
    if len(entries) > 1:
        ran = _entries(told)
        lines += [
            f"tasks {', '.join(names)} run {entry}"
            for entry in entries
            if (names := [name for name in tasks if ran.get(name) == entry])
        ]
    elif tasks:
        lines.append(f"tasks {', '.join(tasks)}")
    lines += [f"{number}. {said}" for number, said in enumerate(_steps(told), 1)]
    properties = [str(prop) for prop in broken if prop.kind in ("exclusive", "balanced", "recovers", "progress")]
    if properties:
        lines.append(f"outcome: {' and '.join(f'violates {name}' for name in properties)}")
    return "\n".join(lines) + "\n"


def _entries(told: Interleaving) -> Mapping[str, str]:
    """Return what each task runs: a turn says so when it begins."""
    return {
        row.context: row.reason.rpartition("; runs ")[2]
        for row in told
        if isinstance(row, Turn) and row.kind in ("start", "switch") and "; runs " in row.reason
    }


def _steps(told: Interleaving) -> Iterator[str]:
    for row in told:
        if isinstance(row, Event):
            for access in row.accesses:
                name = access.name or access.symbol
                if "+" in name or not name or name.startswith(("0x", "current")):
                    continue  # no name in C: the claim leaves it open
                if access.kind == "write":
                    yield f"{row.context}: {name} {access.before} -> {access.value}"
                else:
                    yield f"{row.context}: reads {name} == {access.value}"
            continue
        match row.kind:
            case "start":
                yield f"{row.context} starts"
            case "switch" if "; runs " in row.reason or "; begins " in row.reason:
                yield f"{row.context} starts"
            case "switch":
                yield f"switch to {row.context}"
            case "arrival":
                yield f"{row.context} arrives"
            case "return":
                yield f"{row.context} returns"
            case "finish":
                yield f"{row.context} finishes"
