"""Replay a schedule: take exactly its steps, and tell them as the search would."""

from collections.abc import Sequence

from ctxrace.core.errors import ScenarioError
from ctxrace.core.interleaving import Interleaving
from ctxrace.core.property import Property
from ctxrace.core.schedule import Schedule
from ctxrace.core.system import Step
from ctxrace.explore.expand import expand
from ctxrace.kernel.assumptions import every_way
from ctxrace.kernel.narrate import Narrator
from ctxrace.kernel.position import EVENT, Position
from ctxrace.kernel.program import Program
from ctxrace.kernel.scenario import Scenario, validate
from ctxrace.kernel.system import KernelSystem

__all__ = ["replay"]

def replay(
    program: Program, schedule: Schedule, scenario: Scenario | None = None
) -> tuple[Interleaving, tuple[Property, ...]]:
    """Return the interleaving that `schedule` spells, and the properties that its last step breaks.

    scenario: None for the one that the source declares. Raises `ScenarioError` where the schedule was made for
    other code or another scenario, or says something that cannot happen.
    """
    scenario = validate(program.scenario if scenario is None else scenario, program.image)
    fingerprints: tuple[str, str] = ("", "")
    # What was found out while the schedule was made (whether tasks can be told apart, ...) is in its fingerprint.
    for assumed in every_way():
        system = KernelSystem(program.image, scenario, **assumed._asdict())
        fingerprints = system.fingerprints()
        if fingerprints == (schedule.code, schedule.scenario):
            run = _follow(system, schedule)
            return system.narrate(run), run[-1][1].broken if run else ()
    if schedule.code != fingerprints[0]:
        raise ScenarioError(
            f"the schedule was made for other machine code ({schedule.code}, this is {fingerprints[0]}): the source, "
            "the compiler or its options have changed; run ctxrace check again for a new one"
        )
    raise ScenarioError(
        f"the schedule was made for another scenario ({schedule.scenario}): give the same tasks, interrupts, "
        "preemption model, attempts and properties as then"
    )


def _follow(system: KernelSystem, schedule: Schedule) -> list[tuple[Position, Step]]:
    state = system.initial()
    run: list[tuple[Position, Step]] = []
    narrator = Narrator(system)

    def take(step: Step) -> None:
        nonlocal state
        narrator.add(state, step)
        run.append((state, step))
        state = step.state

    for number, stint in enumerate(schedule.stints, 1):
        if narrator.running() != stint.who:
            begins = {narrator.who(step.label): step for step in expand(system, state) if step.label != EVENT}
            if stint.who not in begins:
                raise _impossible(number, str(stint), narrator.running(), list(begins))
            take(begins[stint.who])
        for _ in range(stint.steps):
            event = next((step for step in expand(system, state) if step.label == EVENT), None)
            if event is None or narrator.running() != stint.who:
                raise _impossible(number, str(stint), narrator.running(), ())
            take(event)
    return run


def _impossible(number: int, stint: str, running: str, possible: Sequence[str]) -> ScenarioError:
    could = ", ".join(dict.fromkeys([*([running] if running else []), *possible])) or "nobody"
    return ScenarioError(f"{stint!r}, stint {number} of the schedule, cannot happen; who could run there: {could}")
