"""Decide a claim: are its steps possible in this order? If not, how far do they go, and is the outcome reachable?"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ctxrace.claims.execute import Executed, execute, nearest, system_of
from ctxrace.claims.explain import always_called, could, memory, reasons
from ctxrace.claims.narrate import Story, standing
from ctxrace.claims.observer.observer import ClaimObserver
from ctxrace.claims.observer.whole_interrupts import WholeInterrupts
from ctxrace.claims.resolve import Resolved
from ctxrace.claims.syntax import Act, Condition
from ctxrace.core.claim import Answer, ClaimResult, Finding, FindingKind, How, OutcomeFound
from ctxrace.core.ending import ClaimedOutcome
from ctxrace.core.facts.reason import SearchEnded
from ctxrace.core.why import Why
from ctxrace.explore.product import Deepest, inner
from ctxrace.explore.search import Limits, Progress
from ctxrace.kernel.model.assumptions import Assumptions, without_wrong_ones
from ctxrace.kernel.model.build import kept
from ctxrace.kernel.model.system import KernelSystem
from ctxrace.kernel.narrate.tell import narrate
from ctxrace.kernel.program import Program
from ctxrace.kernel.setup import setup_of

__all__ = ["decide"]


def decide(
    program: Program,
    resolved: Resolved,
    *,
    limits: Limits | None = None,
    progress: Progress | None = None,
    case: str = "",
    command: str = "",
) -> ClaimResult:
    """Execute the claim `resolved` on `program`, and judge its outcome where its steps are impossible.

    case: what a report calls the program; command: what shows this result again. Raises `CtxraceError`.
    """
    limits = limits or Limits()
    steps = resolved.claim.steps
    refused = next((k for k, line in enumerate(steps) if always_called(program.image, resolved, line)), None)
    whole = resolved if refused is None else _cut(resolved, refused)
    executed = without_wrong_ones(lambda assumed: execute(program, whole, assumed, limits, progress, refused))
    found, observer = executed.found, executed.observer
    reached = min(found.progress, len(observer.steps))
    confirmed = found.progress == observer.goal and refused is None
    judged = found.exhausted or found.progress >= (observer.goal if refused is None else refused)
    answer = Answer.CONFIRMED if confirmed else Answer.IMPOSSIBLE if judged else Answer.INCOMPLETE
    story = Story(observer, executed.run)
    at = None if confirmed else _failing(executed, reached, refused)
    failed = None if at is None else steps[at]
    impossible = at is not None and answer is Answer.IMPOSSIBLE
    whys = tuple(reasons(program.image, resolved, executed, at)) if at is not None and impossible else ()
    searched = not impossible or at != refused  # what is always called needs no search
    result = ClaimResult(
        resolved.claim.file,
        setup_of(program, resolved.scenario, case),
        answer,
        tuple(_findings(resolved, story, reached, at if impossible else None, whys)),
        story.interleaving,
        found.states,
        found.transitions,
        failed="" if failed is None else failed.label or "outcome",
        shortest=executed.shortest,
        reasons=whys if judged or found.stopped is None else (SearchEnded(found.stopped),),
        outcome_text=resolved.claim.outcome.text if resolved.claim.outcome else "",
        command=command,
        searched=searched,
    )
    if confirmed:
        return result
    return _with_outcome(_with_end(result, executed), program, resolved, limits, progress)


def _with_end(result: ClaimResult, executed: Executed) -> ClaimResult:
    """Return `result` with where each context stands, and what memory holds, where the steps go no further."""
    observer, run = executed.observer, executed.run
    stands = [replace(one, next_rows=could(observer, run, one.context)) for one in standing(observer, run)]
    return replace(result, standing=tuple(stands), memory=tuple(memory(observer, run)))


def _cut(resolved: Resolved, index: int) -> Resolved:
    """Return the claim without step `index` and all after it."""
    claim = resolved.claim
    return replace(resolved, claim=replace(claim, lines=claim.lines[:index], outcome=None))


def _failing(executed: Executed, reached: int, refused: int | None) -> int:
    """Return the index of the step that is not possible after `reached` others; refused: one that needs no search."""
    observer = executed.observer
    if reached < len(observer.steps) or refused is not None or not executed.run:
        return min(reached, len(observer.steps) - 1) if refused is None else reached
    # All have happened. What is not possible is that a context finishes without a call.
    _, observed = executed.run[-1][1].state
    avoided = [
        index
        for index, line in enumerate(observer.steps)
        if isinstance(line.says, Act) and line.says.kind == "avoid" and line.says.who
        if observer.pairs[line.says.who, observer.resolved.functions[line.says.subject]] & observed.memory.avoiding
    ]
    return avoided[-1]


def _findings(
    resolved: Resolved, story: Story, reached: int, failing: int | None, whys: Sequence[Why]
) -> Iterator[Finding]:
    """Yield what is found of each step: the first `reached` have happened, `failing` is known to be impossible."""
    for index, line in enumerate(resolved.claim.steps):
        text = line.text if line.label else f"outcome: {line.text}"
        kind, how, event, why = FindingKind.NOT_REACHED, None, 0, None
        if index == failing:
            kind, why = FindingKind.IMPOSSIBLE, whys[0] if whys else None
        elif index < reached:
            kind, how, event = FindingKind.POSSIBLE, _how(line.says, story, index), story.event_number(index)
        elif failing is None:
            kind = FindingKind.NOT_KNOWN
        yield Finding(line.label, line.number, text, kind, how, event, why)


def _how(says: Act | Condition, story: Story, index: int) -> How:
    if isinstance(says, Condition) or says.kind == "switch":
        return How.TRUE_THERE
    if says.kind == "avoid":
        return How.NOT_CALLED
    return How.EVENT if story.event_number(index) else How.BETWEEN_EVENTS


def _with_outcome(
    result: ClaimResult, program: Program, resolved: Resolved, limits: Limits, progress: Progress | None
) -> ClaimResult:
    """Return `result` with whether the outcome is reachable by any other way."""
    if resolved.claim.outcome is None:
        return result
    alone = replace(resolved, names={}, claim=replace(resolved.claim, lines=(), tasks=()))

    def attempt(assumed: Assumptions) -> tuple[KernelSystem, Deepest]:
        system = system_of(program, alone, assumed, everywhere=False)
        with kept(system):
            return system, nearest(ClaimObserver(system, alone), limits, progress)

    system, found = without_wrong_ones(attempt)
    run, shown = found.run, None
    if run:
        opened = WholeInterrupts(system)
        opened_run = [pair for (state, _), step in run for pair in opened.opened(state, inner(step))]
        shown = narrate(system, opened_run)
        shown = replace(shown, endings=(ClaimedOutcome(result.outcome_text),), schedule="")
    outcome = OutcomeFound.REACHABLE if run else OutcomeFound.UNREACHABLE
    if not run and not found.exhausted:
        outcome = OutcomeFound.INCOMPLETE
    return replace(
        result,
        outcome=outcome,
        outcome_interleaving=shown,
        outcome_states=found.states,
        outcome_transitions=found.transitions,
    )
