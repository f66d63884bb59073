"""Check a program's scenario: search it, judge every property, tell the shortest violations."""

import shlex
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

from ctxrace.core.errors import VacuousError
from ctxrace.core.facts.forecast import Forecast
from ctxrace.core.facts.growth import Grows
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
    DriftsLeftOut,
    HandlersInterleaved,
    LinesUnknown,
    NeverArrives,
    NeverBegins,
    NothingDeclared,
    Remark,
    SequentialMemory,
    SoftirqTasksBounded,
    StacksShared,
    StatisticsLeftOut,
    StatisticsProved,
    TasksToldApart,
)
from ctxrace.core.facts.stop import CountersGrow, Interrupted
from ctxrace.core.limits import uncollected
from ctxrace.core.property import Property
from ctxrace.core.verdict import Outcome, Result, Verdict
from ctxrace.explore.search import Exploration, search
from ctxrace.explore.summaries import summarized
from ctxrace.explore.watch import Engine, Limits, Progress
from ctxrace.kernel.counting import Counting, Look, without_growth
from ctxrace.kernel.coverage import coverage_of, no_check_is_executed
from ctxrace.kernel.forecast import forecast
from ctxrace.kernel.model.assumptions import Assumptions, without_wrong_ones
from ctxrace.kernel.model.build import kept, nested, system_for
from ctxrace.kernel.model.drift import UpToDrift
from ctxrace.kernel.model.groups import tasks_of
from ctxrace.kernel.model.layout import Layout
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

__all__ = ["check", "explore", "explore_counting"]

class _Explored(NamedTuple):
    """What a search has found of a system. expected: how many states there may be, where a limit stopped it.

    counting: what was taken for granted, and proved, of variables that count; grows: those that grow in spite of it.
    """

    system: KernelSystem | SmpSystem
    exploration: Exploration
    expected: Forecast | None = None
    counting: Counting | None = None
    grows: tuple[Grows, ...] = ()


MANY_TASKS = 64
"""With more of them, how many states are to be expected is found out first, which takes little of the time."""


@uncollected()
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
    explored = _explore_many(program, scenario, limits, progress, expect)
    system, exploration = explored.system, explored.exploration
    wanted = [prop for prop in _wanted(system, scenario) if prop != HANG]
    wanted += _broken_ends(explored)
    hang = _assuming(_judge_hang(explored), scenario) if HANG in system.properties else None
    verdicts = tuple(_assuming(_judge(explored, prop), scenario) for prop in wanted)
    if hang is not None and (hang.outcome is Outcome.VIOLATED or HANG in scenario.properties or not verdicts):
        verdicts = (*verdicts, hang)
    if exploration.exhausted and not exploration.runs:
        _refuse_vacuous(scenario, exploration)
    return Result(
        setup_of(program, scenario),
        verdicts,
        command,
        tuple(_notes(explored, scenario, limits.engine)),
        _with_statistics(replay, explored.counting),
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
        with kept(system):
            return system, _searched(system, scenario, limits, progress, everything=everything)

    return without_wrong_ones(attempt)


def _searched(
    system: KernelSystem | SmpSystem,
    scenario: Scenario,
    limits: Limits | None,
    progress: Progress | None,
    *,
    everything: bool = False,
) -> Exploration:
    wanted = frozenset(() if everything else _wanted(system, scenario))
    if scenario.interrupts and (limits or Limits()).engine is Engine.SUMMARIES:
        with suppress(HandlersMeet):  # then they are interleaved, step by step
            found = summarized(nested(system), wanted, limits, progress)
            if scenario.cpus == 1 or HANG not in found.runs:
                return found
            # Handlers that are not interleaved come to no other verdict, but may come to where it hangs later.
            nearer = search(system, wanted, limits, progress)
            longer = replace(found, shortest=found.shortest - {HANG})
            return replace(nearer, summed_up=True) if HANG in nearer.runs else longer
    return search(system, wanted, limits, progress)


def explore_counting(
    program: Program,
    scenario: Scenario,
    counting: Counting,
    limits: Limits | None = None,
    look: Look | None = None,
    *,
    everything: bool = False,
) -> tuple[KernelSystem | SmpSystem, Exploration]:
    """Search `scenario` as `explore` does, with what `counting` takes for granted.

    look: looks at the search now and then. Raises `DriftObserved` where a step shows that too much is.
    """
    counters, without = counting.counters, counting.scenario

    def attempt(assumed: Assumptions) -> tuple[KernelSystem | SmpSystem, Exploration]:
        system = system_for(program.image, without, assumed, counters)
        if look is not None:
            look.at(system)
        if counters is None or not counters.drifting:
            with kept(system):
                return system, _searched(system, without, limits, look, everything=everything)
        reduced = UpToDrift(system, counters)
        wanted = frozenset(() if everything else _wanted(system, scenario))
        found = search(reduced, wanted, limits, look)
        return system, replace(found, runs={prop: reduced.lifted(run) for prop, run in found.runs.items()})

    return without_wrong_ones(attempt)


def _explore_many(
    program: Program,
    scenario: Scenario,
    limits: Limits,
    progress: Progress | None,
    expect: Callable[[Forecast], None] | None,
) -> _Explored:
    """Search `scenario`; where a limit stops that, also find out how many states there may be."""

    def visit(fewer: Scenario, small: Limits) -> Exploration:
        return explore(program, fewer, small, progress, everything=True)[1]

    expected = None
    if scenario.task_count > MANY_TASKS:
        try:
            expected = forecast(scenario, limits, visit)
        except KeyboardInterrupt:
            nothing = Exploration(0, 0, 0.0, exhausted=False, stopped=Interrupted())
            return _Explored(system_for(program.image, scenario), nothing)
        if expected and expect is not None:
            expect(expected)
    layout = Layout(program.image, tasks_of(scenario), cpus=scenario.cpus)
    (system, exploration), counting, grows = without_growth(
        layout, scenario, limits, progress,
        lambda counting, look: explore_counting(program, scenario, counting, limits, look),
    )  # fmt: skip
    explored = _Explored(system, exploration, counting=counting, grows=grows)
    if (stopped := explored.exploration.stopped) is None:
        return explored
    if expected is None and not isinstance(stopped, Interrupted | CountersGrow):
        with suppress(KeyboardInterrupt):  # what the search has found is known
            expected = forecast(scenario, limits, visit)
    return explored._replace(expected=expected)


def _wanted(system: KernelSystem | SmpSystem, scenario: Scenario) -> tuple[Property, ...]:
    """Return what a search is to decide, besides whether the system hangs."""
    checked = not scenario.alone and system.cpus[0].contexts.has_checks()
    return (*scenario.properties, CHECK) if checked else scenario.properties


def _judge(explored: _Explored, prop: Property) -> Verdict:
    system, exploration = explored.system, explored.exploration
    verdict = Verdict(prop, Outcome.HOLDS, exploration.states, exploration.transitions, exploration.seconds)
    if prop in exploration.runs:
        run = narrate(system, exploration.runs[prop])
        reason = None if prop in exploration.shortest else NotKnownShortest()
        return replace(verdict, outcome=Outcome.VIOLATED, interleaving=run, reason=reason)
    if not exploration.exhausted:
        return replace(verdict, outcome=Outcome.INCOMPLETE, reason=_why_ended(explored))
    if ends := _broken_ends(explored):
        return replace(verdict, outcome=Outcome.INCOMPLETE, reason=EndedByViolationOf(ends[0]))
    vacuous: Reason | None = _why_vacuous(system.cpus[0].scenario, exploration, prop)
    if prop == CHECK and _no_check_runs(explored):
        vacuous = NoCheckRuns()
    return replace(verdict, outcome=Outcome.INCOMPLETE, reason=vacuous) if vacuous else verdict


def _no_check_runs(explored: _Explored) -> bool:
    system = explored.system
    asked = CHECK in system.cpus[0].scenario.properties and not system.cpus[0].contexts.has_checks()
    return asked or no_check_is_executed(system)


def _why_ended(explored: _Explored) -> Reason:
    stopped = explored.exploration.stopped
    return EndedByViolations() if stopped is None else SearchEnded(stopped, explored.expected, explored.grows)


def _judge_hang(explored: _Explored) -> Verdict:
    system, exploration = explored.system, explored.exploration
    size = (exploration.all_states, exploration.all_transitions, exploration.seconds)
    verdict = Verdict(HANG, Outcome.HOLDS, *size)
    if HANG in exploration.runs:
        run = narrate(system, exploration.runs[HANG])
        reason = None if HANG in exploration.shortest else NotKnownShortest()
        return replace(verdict, outcome=Outcome.VIOLATED, interleaving=run, reason=reason)
    if HANG not in exploration.possible:
        return replace(verdict, outcome=Outcome.INCOMPLETE, reason=_why_ended(explored))
    if ends := _broken_ends(explored):
        return replace(verdict, outcome=Outcome.INCOMPLETE, reason=EndedByViolationOf(ends[0]))
    return verdict


def _broken_ends(explored: _Explored) -> list[Property]:
    """Return what is violated after which nobody knows how a run goes on."""
    return [prop for prop in explored.system.properties if prop in ENDS and prop in explored.exploration.runs]


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


def _notes(explored: _Explored, scenario: Scenario, engine: Engine) -> list[Remark]:
    system, exploration = explored.system.cpus[0], explored.exploration
    nothing = not exploration.runs and not _wanted(explored.system, scenario)
    notes: list[Remark] = [NothingDeclared()] if nothing else []
    attempts = system.scenario.attempts
    if attempts is not None:
        notes.append(AttemptsBounded(attempts))
    arrived = {prop.subjects[0] for prop in exploration.witnessed if isinstance(prop, Arrives)}
    if exploration.exhausted:
        levels = dict.fromkeys(str(handler.level) for handler in system.handlers)
        notes += [NeverArrives(level) for level in levels if level not in arrived]
        begun = dict.fromkeys(group.entry for group in system.scenario.tasks)
        notes += [NeverBegins(entry) for entry in begun if begins(entry) not in exploration.witnessed]
    if scenario.statistics:
        notes.append(StatisticsLeftOut(scenario.statistics))
    if explored.counting is not None:
        notes += _counted(explored.counting)
    if not system.contexts.symmetric and system.layout.tasks > 1:
        notes.append(TasksToldApart())
    if system.scenario.softirq_tasks:
        notes.append(SoftirqTasksBounded(SOFTIRQS_AT_ONCE))
    if system.scenario.cpus > 1:
        notes.append(SequentialMemory())
        drifts = explored.counting is not None and bool(explored.counting.groups)
        if system.handlers and engine is Engine.SUMMARIES and not exploration.summed_up and not drifts:
            notes.append(HandlersInterleaved())
    if system.layout.shared_stacks:
        notes.append(StacksShared())
    if system.image.without_lines:
        notes.append(LinesUnknown(system.image.without_lines))
    return notes


def _counted(counting: Counting) -> list[Remark]:
    notes: list[Remark] = [StatisticsProved(counting.statistics)] if counting.statistics else []
    for group, names in counting.groups.items():
        notes.append(DriftsLeftOut(tuple(names), counting.multiple(group)))
    return notes


def _with_statistics(command: str, counting: Counting | None) -> str:
    """Return `command`, which replays an interleaving, with the variables that were left out while it was found."""
    if not command or counting is None or not counting.statistics:
        return command
    words = shlex.split(command)
    end = words.index("--") if "--" in words else len(words)  # what follows is for the compiler
    options = [word for name in counting.statistics for word in ("--statistic", name)]
    return shlex.join([*words[:end], *options, *words[end:]])
