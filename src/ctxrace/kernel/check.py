"""Check a program's scenario: search it, judge every property, tell the shortest violations."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from ctxrace.core.errors import ScenarioError
from ctxrace.core.property import Property
from ctxrace.core.verdict import Outcome, Result, Verdict
from ctxrace.explore.search import Exploration, search
from ctxrace.explore.summaries import summarized
from ctxrace.explore.watch import INTERRUPTED, Engine, Limits, Progress
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

_ENDED_EARLY = "all other properties are violated, and the search ended there; this one needs every state"

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
    expect: Callable[[str], None] | None = None,
) -> Result:
    """Decide every property of the scenario, None for the one that the source declares.

    command: what shows this result again; replay: what replays an interleaving, but for its schedule.
    expect: called with how many states many tasks may have, before they are searched.
    Raises `CtxraceError` where scenario and program do not fit, and where a property would hold only because
    nothing ever happens.
    """
    scenario = validate(program.scenario if scenario is None else scenario, program.image)
    system, exploration = _explore_many(program, scenario, limits or Limits(), progress, expect)
    wanted = list(_wanted(system, scenario))
    wanted += [p for p in system.properties if p in ENDS and p in exploration.runs]
    hang = _assuming(_judge_hang(system, exploration), scenario)
    verdicts = tuple(_assuming(_judge(system, exploration, prop), scenario) for prop in wanted)
    if hang.outcome is Outcome.VIOLATED:
        verdicts = (*verdicts, hang)
    if exploration.exhausted and not exploration.runs:
        _refuse_vacuous(scenario, exploration)
    return Result(
        setup_of(program, scenario),
        verdicts,
        command,
        tuple(_notes(system.cpus[0], exploration)),
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
    """Search `scenario` with as much folded and private as the code allows.

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
                return system, nearer if HANG in nearer.runs else longer
        return system, search(system, wanted, limits, progress)

    return without_wrong_ones(attempt)


def _explore_many(
    program: Program,
    scenario: Scenario,
    limits: Limits,
    progress: Progress | None,
    expect: Callable[[str], None] | None,
) -> tuple[KernelSystem | SmpSystem, Exploration]:
    """Search `scenario`; where a limit stops that, also say how many states there may be."""

    def visit(fewer: Scenario, small: Limits) -> Exploration:
        return explore(program, fewer, small, progress, everything=True)[1]

    told = ""
    if scenario.task_count > MANY_TASKS:
        try:
            told = forecast(scenario, limits, visit)
        except KeyboardInterrupt:
            nothing = Exploration(0, 0, 0.0, exhausted=False, stopped=INTERRUPTED)
            return system_for(program.image, scenario), nothing
        if told and expect is not None:
            expect(told)
    system, exploration = explore(program, scenario, limits, progress)
    if not exploration.stopped:
        return system, exploration
    if not told and exploration.stopped != INTERRUPTED:
        with suppress(KeyboardInterrupt):  # what the search has found is known
            told = forecast(scenario, limits, visit)
    stopped = f"{exploration.stopped}; {told}" if told else exploration.stopped
    return system, replace(exploration, stopped=stopped)


def _wanted(system: KernelSystem | SmpSystem, scenario: Scenario) -> tuple[Property, ...]:
    checked = not scenario.properties or system.cpus[0].contexts.has_checks()
    return (*scenario.properties, CHECK) if checked else scenario.properties


def _judge(system: KernelSystem | SmpSystem, exploration: Exploration, prop: Property) -> Verdict:
    verdict = Verdict(prop, Outcome.HOLDS, exploration.states, exploration.transitions, exploration.seconds)
    if prop in exploration.runs:
        told = narrate(system, exploration.runs[prop])
        reason = "" if prop in exploration.shortest else "the search ended before it was known to be the shortest"
        return replace(verdict, outcome=Outcome.VIOLATED, interleaving=told, reason=reason)
    if not exploration.exhausted:
        return replace(verdict, outcome=Outcome.INCOMPLETE, reason=exploration.stopped)
    for end in system.properties:
        if end in ENDS and end in exploration.runs:
            reason = f"{end} is violated, and what happens after that is not known"
            return replace(verdict, outcome=Outcome.INCOMPLETE, reason=reason)
    reason = _why_vacuous(system.cpus[0].scenario, exploration, prop)
    if prop == CHECK and no_check_is_executed(system):
        reason = "no ctxrace_check() is executed in any interleaving, and that is why none was found false"
    return replace(verdict, outcome=Outcome.INCOMPLETE, reason=reason) if reason else verdict


def _judge_hang(system: KernelSystem | SmpSystem, exploration: Exploration) -> Verdict:
    size = (exploration.all_states, exploration.all_transitions, exploration.seconds)
    verdict = Verdict(HANG, Outcome.HOLDS, *size)
    if HANG in exploration.runs:
        told = narrate(system, exploration.runs[HANG])
        reason = "" if HANG in exploration.shortest else "the search ended before it was known to be the shortest"
        return replace(verdict, outcome=Outcome.VIOLATED, interleaving=told, reason=reason)
    if HANG not in exploration.possible:
        reason = exploration.stopped or _ENDED_EARLY
        return replace(verdict, outcome=Outcome.INCOMPLETE, reason=reason)
    end = next((end for end in system.properties if end in ENDS and end in exploration.runs), None)
    if end is not None:
        reason = f"{end} is violated, and what happens after that is not known"
        return replace(verdict, outcome=Outcome.INCOMPLETE, reason=reason)
    return verdict


def _assuming(verdict: Verdict, scenario: Scenario) -> Verdict:
    """Return `verdict` with what it takes for granted: one CPU's accesses follow another's in one order."""
    return replace(verdict, sequential=verdict.outcome is Outcome.HOLDS and scenario.cpus > 1)


def _refuse_vacuous(scenario: Scenario, exploration: Exploration) -> None:
    for prop in scenario.properties:
        if reason := _why_vacuous(scenario, exploration, prop):
            raise ScenarioError(f"{prop}: {reason}")
    if reason := _why_never_idle(scenario, exploration):
        raise ScenarioError(reason)


def _why_vacuous(scenario: Scenario, exploration: Exploration, prop: Property) -> str:
    """Return why it would say nothing that `prop` holds; empty: it says something."""
    if prop.kind != "exclusive":
        return _why_never_idle(scenario, exploration) if prop.kind in ("balanced", "recovers", "progress") else ""
    body = prop.subjects[0]
    if runs(body) in exploration.witnessed:
        return ""
    return (
        f"{body}() never runs in any interleaving, and that is why nothing was found; "
        "was its call inlined or optimised away? declare it noinline, with a barrier() in it"
    )


def _why_never_idle(scenario: Scenario, exploration: Exploration) -> str:
    endless = next((entry for entry in scenario.entries if finishes(entry) not in exploration.witnessed), None)
    if endless is None:
        return ""
    return (
        f"the entry {endless} never returns, so that the CPU is never idle again and nothing is decided; "
        "let it return, its context runs it again and again"
    )


def _notes(system: KernelSystem, exploration: Exploration) -> list[str]:
    notes = []
    attempts = system.scenario.attempts
    if attempts is not None:
        times = "once" if attempts == 1 else f"{attempts} times"
        notes.append(f"each context begins its entry at most {times}; nothing is claimed beyond that")
    arrived = {prop.subjects[0] for prop in exploration.witnessed if isinstance(prop, Arrives)}
    if exploration.exhausted:
        levels = dict.fromkeys(str(handler.level) for handler in system.handlers)
        notes += [f"no {level} could ever arrive" for level in levels if level not in arrived]
        begun = dict.fromkeys(group.entry for group in system.scenario.tasks)
        notes += [f"no task ever begins {entry}" for entry in begun if begins(entry) not in exploration.witnessed]
    if system.scenario.statistics:
        notes.append(f"left out, as nothing hangs on it: {', '.join(system.scenario.statistics)}")
    if not system.contexts.folded and system.layout.tasks > 1:
        notes.append("tasks are told apart: one's own address or pid reaches what others see")
    if system.scenario.softirq_tasks:
        notes.append(f"of each softirq, {SOFTIRQS_AT_ONCE} tasks of a CPU are in the handler at once, not more")
    if system.scenario.cpus > 1:
        notes.append("between CPUs, memory is taken to be sequentially consistent")
    if system.layout.shared_stacks:
        notes.append("stacks count as shared memory: one context reaches another one's")
    return notes
