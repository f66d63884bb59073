"""Replay a schedule: take exactly its steps, and tell them as the search would."""

from collections.abc import Sequence
from contextlib import suppress
from itertools import chain, repeat
from typing import Any

from ctxrace.core.errors import ScenarioError
from ctxrace.core.interleaving import Interleaving
from ctxrace.core.property import Property
from ctxrace.core.schedule import Schedule
from ctxrace.core.system import Run, Step
from ctxrace.explore.expand import expand
from ctxrace.explore.possible import reaches_goal
from ctxrace.kernel.check import explore
from ctxrace.kernel.model.assumptions import every_way
from ctxrace.kernel.model.build import system_for
from ctxrace.kernel.model.smp import SmpSystem
from ctxrace.kernel.model.system import KernelSystem
from ctxrace.kernel.narrate.tell import narrate, narrator_for
from ctxrace.kernel.program import Program
from ctxrace.kernel.properties.hang import HANG
from ctxrace.kernel.scenario import Scenario, validate
from ctxrace.machine.discovery import Discovered

__all__ = ["replay"]

_MOST_STATES = 100_000
"""As many states are looked at to know whether a schedule ends in a hang."""


def replay(
    program: Program, schedule: Schedule, scenario: Scenario | None = None
) -> tuple[Interleaving, tuple[Property, ...]]:
    """Return the interleaving that `schedule` spells, and the properties that its last step breaks.

    scenario: None for the one that the source declares. Raises `ScenarioError` where the schedule was made for
    other code or another scenario, or says something that cannot happen.
    """
    scenario = validate(program.scenario if scenario is None else scenario, program.image)
    if program.image.discovery is not None:
        explore(program, scenario)  # of such an image, which steps are events depends on what the search has found
    fingerprints: tuple[str, str] = ("", "")
    # What was found out while the schedule was made (whether tasks can be told apart, ...) is in its fingerprint.
    for assumed in every_way():
        system = system_for(program.image, scenario, assumed)
        fingerprints = system.fingerprints()
        if fingerprints == (schedule.code, schedule.scenario):
            run = _with_hang(system, _follow(system, schedule))
            return narrate(system, run), run[-1][1].broken if run else ()
    if schedule.code != fingerprints[0]:
        raise ScenarioError(
            f"the schedule was made for other machine code ({schedule.code}, this is {fingerprints[0]}): the source, "
            "the compiler or its options have changed; run ctxrace check again for a new one"
        )
    raise ScenarioError(
        f"the schedule was made for another scenario ({schedule.scenario}): give the same tasks, interrupts, "
        "preemption model, attempts and properties as then"
    )


def _with_hang(system: KernelSystem | SmpSystem, run: Run) -> Run:
    """Return `run`, whose last step breaks `HANG` where no entry in flight after it can come to its end."""
    if run:
        state, step = run[-1]
        with suppress(Discovered):  # a part of the image that the search had no need of: not known to hang
            if HANG not in step.witnessed and reaches_goal(system, step.state, HANG, _MOST_STATES) is False:
                return [*run[:-1], (state, step._replace(broken=(*step.broken, HANG)))]
    return run


def _follow(system: KernelSystem | SmpSystem, schedule: Schedule) -> list[tuple[Any, Step]]:
    state: Any = system.initial()
    run: list[tuple[Any, Step]] = []
    narrator: Any = narrator_for(system)
    for number, stint in enumerate(schedule.stints, 1):
        begins = stint.who not in narrator.runners()
        for event in chain(repeat(False, begins), repeat(True, stint.steps)):
            possible = {narrator.taker(step.label): step for step in expand(system, state)}
            step = possible.get((stint.who, event))
            if step is None:
                others = [who for who, is_event in possible if not is_event]
                raise _impossible(number, str(stint), [*narrator.runners(), *([] if event else others)])
            narrator.add(state, step)
            run.append((state, step))
            state = step.state
    return run


def _impossible(number: int, stint: str, possible: Sequence[str]) -> ScenarioError:
    could = ", ".join(dict.fromkeys(possible)) or "nobody"
    return ScenarioError(f"{stint!r}, stint {number} of the schedule, cannot happen; who could run there: {could}")
