"""An interleaving as a claim: what happened, in the language of claims."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from ctxrace.claims.resolve import check_supported
from ctxrace.core.interleaving import Event, Interleaving
from ctxrace.core.names import task_name
from ctxrace.core.property import Property
from ctxrace.core.schedule import Schedule
from ctxrace.core.turn import TurnKind
from ctxrace.kernel.program import Program
from ctxrace.kernel.properties.invariants import ENDS
from ctxrace.kernel.replay import replay
from ctxrace.kernel.rules.contexts import INTERRUPT_NAMES
from ctxrace.kernel.scenario import Scenario

__all__ = ["claim_of", "claim_text"]

NO_NAMES: Mapping[str, Sequence[str]] = MappingProxyType({})


def claim_of(program: Program, schedule: Schedule, scenario: Scenario, system: str) -> str:
    """Return the claim file that says what `schedule` does; system: what its system line says.

    Raises `ScenarioError` where claims cannot be followed through the scenario, or the schedule is none of it.
    """
    check_supported(program.name, scenario)
    shown, broken = replay(program, schedule, scenario)
    return claim_text(shown, broken, system, _named(scenario))


def claim_text(
    run: Interleaving, broken: tuple[Property, ...], system: str, named: Mapping[str, Sequence[str]] = NO_NAMES
) -> str:
    """Return `run` as the text of a claim about `system`.

    broken: the properties that its last step breaks. named: the scenario's tasks by their entry; without it, there are
    no others than those of `run`.
    """
    tasks = [name for name in run.contexts if name not in INTERRUPT_NAMES]
    lines = [f"system {system}"]
    for entry, names in named.items():  # names are given out in order, so none before one that ran is left out
        if used := [number for number, name in enumerate(names, 1) if name in tasks]:
            every = len(named) == 1 and used[-1] == len(names)
            lines.append(f"tasks {', '.join(names[: used[-1]])}{'' if every else f' run {entry}'}")
    if tasks and not named:
        lines.append(f"tasks {', '.join(tasks)}")
    lines += [f"{number}. {step}" for number, step in enumerate(_steps(run), 1)]
    # What ends a run stands alone: what else holds then is not known.
    properties = [prop for prop in broken if prop in ENDS][:1] or broken
    if properties:
        lines.append(f"outcome: {' and '.join(f'violates {prop}' for prop in properties)}")
    return "\n".join(lines) + "\n"


def _named(scenario: Scenario) -> Mapping[str, Sequence[str]]:
    runs = [group.entry for group in scenario.tasks for _ in range(group.count)]
    return {
        entry: [task_name(number) for number, runs_it in enumerate(runs) if runs_it == entry]
        for entry in dict.fromkeys(runs)
    }


def _steps(run: Interleaving) -> Iterator[str]:
    for row in run:
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
            case TurnKind.START:
                yield f"{row.context} starts"
            case TurnKind.SWITCH if row.entry:
                yield f"{row.context} starts"
            case TurnKind.SWITCH:
                yield f"switch to {row.context}"
            case TurnKind.ARRIVAL:
                yield f"{row.context} arrives"
            case TurnKind.RETURN:
                yield f"{row.context} returns"
            case TurnKind.FINISH:
                yield f"{row.context} finishes"
