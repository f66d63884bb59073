"""Decide what was said in the thread: every statement of `ctxrace.bpf.thread`, in processes of their own."""

import shlex
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ctxrace.bpf.claims import prepare, with_guard
from ctxrace.bpf.processes import Stop, each
from ctxrace.bpf.thread import THREAD, Asked, Barrier, Checked, Executed, Said
from ctxrace.claims.decide import decide
from ctxrace.claims.parse import parse_claim
from ctxrace.claims.syntax import Claim
from ctxrace.core.claim import Answer, ClaimResult, OutcomeFound
from ctxrace.core.statement import Fact, Statement
from ctxrace.core.verdict import Outcome, Result, worst
from ctxrace.core.why import SearchEnded
from ctxrace.explore.search import Limits, Progress
from ctxrace.kernel.check import check
from ctxrace.kernel.program import Program, load

__all__ = ["SAID", "ask", "decide_thread"]

SAID = Path(__file__).parent / "said"
"""The claims and the C file that statements name."""

_TYPED = "examples/claims"  # the same files, as a reader of the repository types them
_LEVELS = ("-O2", "-O3")


def decide_thread(jobs: int, limits: Limits | None = None, thread: Sequence[Said] = THREAD) -> list[Statement]:
    """Return what comes of every statement, asking `jobs` at a time.

    A limit that is met makes a fact incomplete, and so does Ctrl-C: those that are asked then, and those to come.
    """
    asked = list(dict.fromkeys(asked for said in thread for asked in said.asked))
    order = asked if jobs == 1 else sorted(asked, key=_last)  # those that take long begin first
    found = each(_ask, [(one, limits or Limits()) for one in order], jobs)
    facts = {one: fact or _not_begun(one) for one, fact in zip(order, found, strict=True)}
    return [Statement(said.quote, said.who, said.so, tuple(facts[one] for one in said.asked)) for said in thread]


def ask(asked: Asked, limits: Limits, progress: Progress | None = None) -> Fact:
    """Decide one fact."""
    match asked:
        case Checked():
            return _check(asked, limits, progress)
        case Executed():
            return _execute(asked, limits, progress)
        case _:
            return _compile(asked, limits, progress)


def _ask(asked: tuple[Asked, Limits], stop: Stop) -> Fact:
    return ask(*asked, stop)


def _not_begun(asked: Asked) -> Fact:
    why = "interrupted before it was asked"
    return Fact(asked.about, str(Outcome.INCOMPLETE), asked.expected, "", _command(asked), reason=why)


def _command(asked: Asked) -> str:
    """What to type to see one fact alone."""
    match asked:
        case Checked():
            return asked.case.command
        case Executed():
            words = ["ctxrace", "replay", f"{_TYPED}/{asked.claim}"]
            return shlex.join(words if _claim(asked).subject == asked.guard else [*words, "--guard", asked.guard])
        case _:
            words = ["ctxrace", "check", f"{_TYPED}/barrier.c", _LEVELS[-1], *(["--cc", asked.cc] if asked.cc else [])]
            return shlex.join([*words, "--", f"-D{asked.define}"])


def _last(asked: Asked) -> int:
    if isinstance(asked, Checked):
        return -sum(count.count for count in asked.case.change.tasks or ())
    return -10 if isinstance(asked, Executed) else 0


def _check(asked: Checked, limits: Limits, progress: Progress | None) -> Fact:
    result = replace(asked.case, limits=limits).check(progress)
    run = next((verdict.interleaving for verdict in result.verdicts if verdict.interleaving), None)
    size = run.length if run else _states(result)
    return Fact(asked.about, str(result.outcome), asked.expected, size, _command(asked), run, result.replay,
                reason=_reason([result]))  # fmt: skip


def _execute(asked: Executed, limits: Limits, progress: Progress | None) -> Fact:
    claim, command = _claim(asked), _command(asked)
    if claim.subject != asked.guard:
        claim = with_guard(claim, asked.guard)
    result = decide(*prepare(claim), limits=limits, progress=progress, command=command)
    confirmed, incomplete = result.answer is Answer.CONFIRMED, result.answer is Answer.INCOMPLETE
    run = result.interleaving if confirmed else None if incomplete else result.outcome_interleaving
    states = result.states + result.outcome_states
    size = run.length if run else f"{states:,} states" if states > 1 or incomplete else "no path avoids it"
    reason = "; ".join(why.limit for why in result.reasons if isinstance(why, SearchEnded))
    if not incomplete and result.outcome is OutcomeFound.INCOMPLETE:
        reason = "the search for another way to the outcome was ended"
    return Fact(asked.about, _worded(result), asked.expected, size, command, run, reason=reason)


def _claim(asked: Executed) -> Claim:
    return parse_claim((SAID / asked.claim).read_text(encoding="utf-8"), f"{_TYPED}/{asked.claim}")


def _worded(result: ClaimResult) -> str:
    if result.answer is Answer.CONFIRMED:
        return "possible"
    if result.answer is Answer.INCOMPLETE:
        return "incomplete"
    tail = f"; outcome {result.outcome}" if result.outcome else ""
    return f"impossible at {result.failed}{tail}"


def _compile(asked: Barrier, limits: Limits, progress: Progress | None) -> Fact:
    command = _command(asked)
    if asked.cc and shutil.which(asked.cc) is None:
        return Fact(asked.about, "not asked", asked.expected, "", command, missing=f"{asked.cc} is not installed")
    results: list[Result] = []
    levels: dict[str, list[str]] = {}
    for level in _LEVELS:
        program, plain = _build(asked, level, asked.define), _build(asked, level)
        results.append(check(program, limits=limits, progress=progress))
        levels.setdefault("the same" if _code(program) == _code(plain) else "other", []).append(level)
    size = ", ".join(f"{' '.join(same)}: {which} code" for which, same in levels.items())
    verdict = str(worst(result.outcome for result in results))
    return Fact(asked.about, verdict, asked.expected, size, command, reason=_reason(results))


def _build(asked: Barrier, level: str, *defines: str) -> Program:
    flags = [f"-D{name}" for name in defines]
    return load(SAID / "barrier.c", cc=asked.cc or None, optimize=level, flags=flags)


def _code(program: Program) -> list[tuple[int, bytes]]:
    return [(s.address, s.data) for s in program.image.sections]


def _states(result: Result) -> str:
    return f"{max((verdict.states for verdict in result.verdicts), default=0):,} states"


def _reason(results: Sequence[Result]) -> str:
    """Why not everything is decided, where nothing is violated."""
    if worst(result.outcome for result in results) is not Outcome.INCOMPLETE:
        return ""
    verdicts = [verdict for result in results for verdict in result.verdicts]
    return next((verdict.reason for verdict in verdicts if verdict.outcome is Outcome.INCOMPLETE), "")
