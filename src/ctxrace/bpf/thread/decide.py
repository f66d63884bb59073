"""Decide every statement of the thread, each question in a process of its own."""

import shlex
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ctxrace.bpf.claims import prepare, with_guard
from ctxrace.bpf.thread.statements import (
    THREAD,
    BarrierQuestion,
    ClaimQuestion,
    PropertyQuestion,
    Question,
    Quotation,
)
from ctxrace.claims.decide import decide
from ctxrace.claims.parse import parse_claim
from ctxrace.claims.syntax import Claim
from ctxrace.core.claim import Answer, ClaimResult, OutcomeFound
from ctxrace.core.errors import LimitReached
from ctxrace.core.facts.reason import NotAsked, OutcomeNotSearched, Reason, SearchEnded
from ctxrace.core.interleaving import Interleaving
from ctxrace.core.statement import CodeCompared, Decision, Evidence, Fact, NoPath, Ruling, RunLength, Statement, States
from ctxrace.core.verdict import Outcome, Result, worst
from ctxrace.explore.processes import Done, Stop, each
from ctxrace.explore.search import Limits, Progress
from ctxrace.kernel.check import check
from ctxrace.kernel.program import Program, load

__all__ = ["CLAIMS", "ask", "decide_thread"]

CLAIMS = Path(__file__).parent / "claims"
"""The claims and the C file that statements name."""

_TYPED = "examples/claims"  # the same files, as a reader of the repository types them
_LEVELS = ("-O2", "-O3")
_INCOMPLETE = Decision(Ruling.INCOMPLETE)


def decide_thread(
    jobs: int,
    limits: Limits | None = None,
    thread: Sequence[Quotation] = THREAD,
    done: Done | None = None,
) -> list[Statement]:
    """Return what comes of every statement, asking `jobs` questions at a time.

    A limit that is met makes a fact incomplete, and so does Ctrl-C: those that are asked then, and those to come.
    done: is told now and then how much is done.
    """
    questions = list(dict.fromkeys(question for quotation in thread for question in quotation.questions))
    order = questions if jobs == 1 else sorted(questions, key=_last)  # those that take long begin first
    asked = [(question, limits or Limits()) for question in order]
    found = each(_ask, asked, jobs, done)
    facts = {question: fact or _undecided(question, NotAsked()) for question, fact in zip(order, found, strict=True)}
    return [Statement(q.quote, q.author, q.conclusion, tuple(map(facts.__getitem__, q.questions))) for q in thread]


def ask(question: Question, limits: Limits, progress: Progress | None = None) -> Fact:
    """Answer one question."""
    match question:
        case PropertyQuestion():
            return _check(question, limits, progress)
        case ClaimQuestion():
            return _execute(question, limits, progress)
        case _:
            return _compile(question, limits, progress)


def _ask(asked: tuple[Question, Limits], stop: Stop) -> Fact:
    question, limits = asked
    try:
        return ask(question, limits, stop)
    except LimitReached as reached:  # before its search began
        return _undecided(question, SearchEnded(reached.limit))


def _undecided(question: Question, why: Reason) -> Fact:
    return Fact(question.about, _INCOMPLETE, question.expected, None, _command(question), stopped=why)


def _command(question: Question) -> str:
    """What to type to see one fact alone."""
    match question:
        case PropertyQuestion():
            return question.case.command
        case ClaimQuestion():
            words = ["ctxrace", "replay", f"{_TYPED}/{question.claim}"]
            other = _claim(question).subject != question.guard
            return shlex.join([*words, *(["--guard", question.guard] if other else [])])
        case _:
            words = ["ctxrace", "check", f"{_TYPED}/barrier.c", _LEVELS[-1]]
            return shlex.join([*words, *(["--cc", question.cc] if question.cc else []), "--", f"-D{question.define}"])


def _last(question: Question) -> int:
    if isinstance(question, PropertyQuestion):
        return -sum(count.count for count in question.case.change.tasks or ())
    return -10 if isinstance(question, ClaimQuestion) else 0


def _check(question: PropertyQuestion, limits: Limits, progress: Progress | None) -> Fact:
    result = replace(question.case, limits=limits).check(progress)
    run = next((verdict.interleaving for verdict in result.verdicts if verdict.interleaving), None)
    evidence = _length(run) if run else _states(result)
    return Fact(question.about, _decision([result]), question.expected, evidence, _command(question), run,
                result.replay, stopped=_stopped([result]))  # fmt: skip


def _execute(question: ClaimQuestion, limits: Limits, progress: Progress | None) -> Fact:
    claim, command = _claim(question), _command(question)
    if claim.subject != question.guard:
        claim = with_guard(claim, question.guard)
    result = decide(*prepare(claim), limits=limits, progress=progress, command=command)
    confirmed, incomplete = result.answer is Answer.CONFIRMED, result.answer is Answer.INCOMPLETE
    run = result.interleaving if confirmed else None if incomplete else result.outcome_interleaving
    states = result.states + result.outcome_states
    searched = States(states) if states > 1 or incomplete else NoPath()
    stopped: Reason | None = next((why for why in result.reasons if isinstance(why, SearchEnded)), None)
    if not incomplete and result.outcome is OutcomeFound.INCOMPLETE:
        stopped = OutcomeNotSearched()
    evidence = _length(run) if run else searched
    return Fact(question.about, _claim_decision(result), question.expected, evidence, command, run, stopped=stopped)


def _length(run: Interleaving) -> RunLength:
    return RunLength(run.switches, len(run.events))


def _claim(question: ClaimQuestion) -> Claim:
    return parse_claim((CLAIMS / question.claim).read_text(encoding="utf-8"), f"{_TYPED}/{question.claim}")


def _claim_decision(result: ClaimResult) -> Decision:
    if result.answer is Answer.CONFIRMED:
        return Decision(Ruling.POSSIBLE)
    if result.answer is Answer.INCOMPLETE:
        return _INCOMPLETE
    return Decision(Ruling.IMPOSSIBLE, result.failed, result.outcome)


def _compile(question: BarrierQuestion, limits: Limits, progress: Progress | None) -> Fact:
    command = _command(question)
    if question.cc and shutil.which(question.cc) is None:
        not_asked = Decision(Ruling.NOT_ASKED)
        return Fact(question.about, not_asked, question.expected, None, command, missing_compiler=question.cc)
    results: list[Result] = []
    levels: dict[bool, list[str]] = {True: [], False: []}
    for level in _LEVELS:
        program, plain = _build(question, level, question.define), _build(question, level)
        results.append(check(program, limits=limits, progress=progress))
        levels[_code(program) == _code(plain)].append(level)
    evidence: Evidence = CodeCompared(tuple(levels[True]), tuple(levels[False]))
    return Fact(question.about, _decision(results), question.expected, evidence, command, stopped=_stopped(results))


def _build(question: BarrierQuestion, level: str, *defines: str) -> Program:
    flags = [f"-D{name}" for name in defines]
    return load(CLAIMS / "barrier.c", cc=question.cc or None, optimize=level, flags=flags)


def _code(program: Program) -> list[tuple[int, bytes]]:
    return [(s.address, s.data) for s in program.image.sections]


def _states(result: Result) -> States:
    return States(max((verdict.states for verdict in result.verdicts), default=0))


def _decision(results: Sequence[Result]) -> Decision:
    return Decision(Ruling(worst(result.outcome for result in results)))


def _stopped(results: Sequence[Result]) -> Reason | None:
    """Return why not everything is decided, where nothing is violated."""
    if worst(result.outcome for result in results) is not Outcome.INCOMPLETE:
        return None
    verdicts = [verdict for result in results for verdict in result.verdicts]
    return next((verdict.reason for verdict in verdicts if verdict.outcome is Outcome.INCOMPLETE), None)
