"""Check a program's scenario: search it, judge every property, tell the shortest violations."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from ctxrace.core.errors import VacuousError
from ctxrace.core.facts.forecast import Forecast
from ctxrace.core.facts.reason import (
    BodyNeverRuns,
    EndedByViolationOf,
    EndedByViolations,
    NeverReturns,
    NoCheckRuns,
    NotKnownShortest,
    Reason,
    SearchEnded,
)
from ctxrace.core.facts.remark import (
    AttemptsBounded,
    HandlersInterleaved,
    NeverArrives,
    NeverBegins,
    Remark,
    SequentialMemory,
    SoftirqTasksBounded,
    StacksShared,
    StatisticsLeftOut,
    TasksToldApart,
)
from ctxrace.core.facts.stop import Interrupted
from ctxrace.core.property import Property
from ctxrace.core.verdict import Outcome, Result, Verdict
from ctxrace.explore.search import Exploration, search
from ctxrace.explore.summaries import summarized
from ctxrace.explore.watch import Engine, Limits, Progress
from ctxrace.kernel.coverage import coverage_of, no_check_is_executed
from ctxrace.kernel.forecast import forecast
from ctxrace.kernel.model.assumptions import Assumptions, without_wrong_ones
from ctxrace.kernel.model.build import nested, system_for
from ctxrace.kernel.model.nested_smp import HandlersMeet
from ctxrace.kernel.model.smp import SmpSystem
from ctxrace.kernel.model.system import KernelSystem
from ctxrace.kernel.narrate.tell import narrate
from ctxrace.kernel.program import Program
from ctxrace.kernel.properties.coverage import Arrives, begins, finishes, runs
from ctxrace.kernel.properties.hang import HANG
from ctxrace.kernel.properties.invariants import CHECK, ENDS
from ctxrace.kernel.rules.contexts import SOFTIRQS_AT_ONCE
from ctxrace.kernel.scenario import Scenario, validate
from ctxrace.kernel.setup import setup_of

__all__ = ["check", "explore"]

MANY_TASKS = 64
"""With more of them, how many states are to be expected is found out first, which takes little of the time."""


def check(
    program: Program,
    scenario: Scenario | None = None,
    *,
    limits: Limits | None = None,
    progress: Progress | None = None,
    command: str = "",
    replay: str = "",
    expect: Callable[[Forecast], None] | None = None,
) -> Result:
    """Decide every property of the scenario, None for the one that the source declares.

    command: what shows this result again; replay: what replays an interleaving, but for its schedule.
    expect: called with how many states many tasks may have, before they are searched.
    Raises `CtxraceError` where scenario and program do not fit, and where a property would hold only because
    nothing ever happens.
    """
    limits = limits or Limits()
    scenario = validate(program.scenario if scenario is None else scenario, program.image)
    system, exploration, expected = _explore_many(program, scenario, limits, progress, expect)
    wanted = list(_wanted(system, scenario))
    wanted += [p for p in system.properties if p in ENDS and p in exploration.runs]
    hang = _assuming(_judge_hang(system, exploration, expected), scenario)
    verdicts = tuple(_assuming(_judge(system, exploration, prop, expected), scenario) for prop in wanted)
    if hang.outcome is Outcome.VIOLATED:
        verdicts = (*verdicts, hang)
    if exploration.exhausted and not exploration.runs:
        _refuse_vacuous(scenario, exploration)
    return Result(
        setup_of(program, scenario),
        verdicts,
        command,
        tuple(_notes(system.cpus[0], exploration, limits.engine)),
        replay,
        hang,
        coverage_of(system, complete=exploration.exhausted),
    )


def explore(
    program: Program,
    scenario: Scenario,
    limits: Limits | None = None,
    progress: Progress | None = None,
    *,
    everything: bool = False,
) -> tuple[KernelSystem | SmpSystem, Exploration]:
    """Search `scenario` with as much symmetry and as many private steps as the code allows.

    everything: go on when all properties are decided.
    """

    def attempt(assumed: Assumptions) -> tuple[KernelSystem | SmpSystem, Exploration]:
        system = system_for(program.image, scenario, assumed)
        wanted = frozenset(() if everything else _wanted(system, scenario))
        if scenario.interrupts and (limits or Limits()).engine is Engine.SUMMARIES:
            with suppress(HandlersMeet):  # then they are interleaved, step by step
                found = summarized(nested(system), wanted, limits, progress)
                if scenario.cpus == 1 or HANG not in found.runs:
                    return system, found
                # Handlers that are not interleaved come to no other verdict, but may come to where it hangs later.
                nearer = search(system, wanted, limits, progress)
                longer = replace(found, shortest=found.shortest - {HANG})
                return system, replace(nearer, summed_up=True) if HANG in nearer.runs else longer
        return system, search(system, wanted, limits, progress)

    return without_wrong_ones(attempt)


def _explore_many(
    program: Program,
    scenario: Scenario,
    limits: Limits,
    progress: Progress | None,
    expect: Callable[[Forecast], None] | None,
) -> tuple[KernelSystem | SmpSystem, Exploration, Forecast | None]:
    """Search `scenario`; where a limit stops that, also return how many states there may be."""

    def visit(fewer: Scenario, small: Limits) -> Exploration:
        return explore(program, fewer, small, progress, everything=True)[1]

    expected = None
    if scenario.task_count > MANY_TASKS:
        try:
            expected = forecast(scenario, limits, visit)
        except KeyboardInterrupt:
            nothing = Exploration(0, 0, 0.0, exhausted=False, stopped=Interrupted())
            return system_for(program.image, scenario), nothing, None
        if expected and expect is not None:
            expect(expected)
    system, exploration = explore(program, scenario, limits, progress)
    if exploration.stopped is None:
        return system, exploration, None
    if expected is None and not isinstance(exploration.stopped, Interrupted):
        with suppress(KeyboardInterrupt):  # what the search has found is known
            expected = forecast(scenario, limits, visit)
    return system, exploration, expected


def _wanted(system: KernelSystem | SmpSystem, scenario: Scenario) -> tuple[Property, ...]:
    checked = not scenario.properties or system.cpus[0].contexts.has_checks()
    return (*scenario.properties, CHECK) if checked else scenario.properties


def _judge(
    system: KernelSystem | SmpSystem, exploration: Exploration, prop: Property, expected: Forecast | None
) -> Verdict:
    verdict = Verdict(prop, Outcome.HOLDS, exploration.states, exploration.transitions, exploration.seconds)
    if prop in exploration.runs:
        run = narrate(system, exploration.runs[prop])
        reason = None if prop in exploration.shortest else NotKnownShortest()
        return replace(verdict, outcome=Outcome.VIOLATED, interleaving=run, reason=reason)
    if not exploration.exhausted:
        return replace(verdict, outcome=Outcome.INCOMPLETE, reason=_why_ended(exploration, expected))
    for end in system.properties:
        if end in ENDS and end in exploration.runs:
            return replace(verdict, outcome=Outcome.INCOMPLETE, reason=EndedByViolationOf(end))
    vacuous: Reason | None = _why_vacuous(system.cpus[0].scenario, exploration, prop)
    if prop == CHECK and no_check_is_executed(system):
        vacuous = NoCheckRuns()
    return replace(verdict, outcome=Outcome.INCOMPLETE, reason=vacuous) if vacuous else verdict


def _why_ended(exploration: Exploration, expected: Forecast | None) -> Reason:
    return EndedByViolations() if exploration.stopped is None else SearchEnded(exploration.stopped, expected)


def _judge_hang(system: KernelSystem | SmpSystem, exploration: Exploration, expected: Forecast | None) -> Verdict:
    size = (exploration.all_states, exploration.all_transitions, exploration.seconds)
    verdict = Verdict(HANG, Outcome.HOLDS, *size)
    if HANG in exploration.runs:
        run = narrate(system, exploration.runs[HANG])
        reason = None if HANG in exploration.shortest else NotKnownShortest()
        return replace(verdict, outcome=Outcome.VIOLATED, interleaving=run, reason=reason)
    if HANG not in exploration.possible:
        return replace(verdict, outcome=Outcome.INCOMPLETE, reason=_why_ended(exploration, expected))
    end = next((end for end in system.properties if end in ENDS and end in exploration.runs), None)
    if end is not None:
        return replace(verdict, outcome=Outcome.INCOMPLETE, reason=EndedByViolationOf(end))
    return verdict


def _assuming(verdict: Verdict, scenario: Scenario) -> Verdict:
    """Return `verdict` with what it takes for granted: one CPU's accesses follow another's in one order."""
    return replace(verdict, sequential=verdict.outcome is Outcome.HOLDS and scenario.cpus > 1)


def _refuse_vacuous(scenario: Scenario, exploration: Exploration) -> None:
    for prop in scenario.properties:
        if reason := _why_vacuous(scenario, exploration, prop):
            raise VacuousError(reason, str(prop))
    if reason := _why_never_idle(scenario, exploration):
        raise VacuousError(reason)


def _why_vacuous(scenario: Scenario, exploration: Exploration, prop: Property) -> BodyNeverRuns | NeverReturns | None:
    """Return why it would say nothing that `prop` holds; None: it says something."""
    if prop.kind != "exclusive":
        return _why_never_idle(scenario, exploration) if prop.kind in ("balanced", "recovers", "progress") else None
    body = prop.subjects[0]
    if runs(body) in exploration.witnessed:
        return None
    return BodyNeverRuns(body)


def _why_never_idle(scenario: Scenario, exploration: Exploration) -> NeverReturns | None:
    endless = next((entry for entry in scenario.entries if finishes(entry) not in exploration.witnessed), None)
    return None if endless is None else NeverReturns(endless)


def _notes(system: KernelSystem, exploration: Exploration, engine: Engine) -> list[Remark]:
    notes: list[Remark] = []
    attempts = system.scenario.attempts
    if attempts is not None:
        notes.append(AttemptsBounded(attempts))
    arrived = {prop.subjects[0] for prop in exploration.witnessed if isinstance(prop, Arrives)}
    if exploration.exhausted:
        levels = dict.fromkeys(str(handler.level) for handler in system.handlers)
        notes += [NeverArrives(level) for level in levels if level not in arrived]
        begun = dict.fromkeys(group.entry for group in system.scenario.tasks)
        notes += [NeverBegins(entry) for entry in begun if begins(entry) not in exploration.witnessed]
    if system.scenario.statistics:
        notes.append(StatisticsLeftOut(tuple(system.scenario.statistics)))
    if not system.contexts.symmetric and system.layout.tasks > 1:
        notes.append(TasksToldApart())
    if system.scenario.softirq_tasks:
        notes.append(SoftirqTasksBounded(SOFTIRQS_AT_ONCE))
    if system.scenario.cpus > 1:
        notes.append(SequentialMemory())
        if system.handlers and engine is Engine.SUMMARIES and not exploration.summed_up:
            notes.append(HandlersInterleaved())
    if system.layout.shared_stacks:
        notes.append(StacksShared())
    return notes
