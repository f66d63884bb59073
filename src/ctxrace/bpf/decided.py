"""Decide what was said in the thread: every statement of `ctxrace.bpf.thread`, in processes of their own."""

import shlex
import shutil
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

from ctxrace.bpf.claims import prepare, with_guard
from ctxrace.bpf.thread import THREAD, Asked, Barrier, Checked, Executed, Said
from ctxrace.core.claim import Answer, ClaimResult
from ctxrace.core.statement import Fact, Statement
from ctxrace.core.verdict import Result, worst
from ctxrace.explore.search import Limits
from ctxrace.kernel.check import check
from ctxrace.kernel.claim.decide import decide
from ctxrace.kernel.claim.language import parse_claim
from ctxrace.kernel.program import Program, load

__all__ = ["SAID", "ask", "decide_thread"]

SAID = Path(__file__).parent / "said"
"""The claims and the C file that statements name."""

_TYPED = "examples/claims"  # the same files, as a reader of the repository types them
_LEVELS = ("-O2", "-O3")


def decide_thread(jobs: int, limits: Limits | None = None, thread: Sequence[Said] = THREAD) -> list[Statement]:
    """Return what comes of every statement, asking `jobs` at a time; a limit that is met makes a fact incomplete."""
    asked = list(dict.fromkeys(asked for said in thread for asked in said.asked))
    limits = limits or Limits()
    if jobs == 1:
        facts = {one: ask(one, limits) for one in asked}
    else:
        # Those that take long begin first.
        order = sorted(asked, key=_last)
        with ProcessPoolExecutor(jobs) as pool:
            facts = dict(zip(order, pool.map(ask, order, [limits] * len(order)), strict=True))
    return [Statement(said.quote, said.who, said.so, tuple(facts[one] for one in said.asked)) for said in thread]


def ask(asked: Asked, limits: Limits) -> Fact:
    """Decide one fact."""
    match asked:
        case Checked():
            return _check(asked, limits)
        case Executed():
            return _execute(asked, limits)
        case _:
            return _compile(asked, limits)


def _last(asked: Asked) -> int:
    if isinstance(asked, Checked):
        return -asked.case.tasks
    return -10 if isinstance(asked, Executed) else 0


def _check(asked: Checked, limits: Limits) -> Fact:
    result = replace(asked.case, limits=limits).check()
    run = next((verdict.interleaving for verdict in result.verdicts if verdict.interleaving), None)
    size = run.length if run else _states(result)
    return Fact(asked.about, str(result.outcome), asked.expected, size, result.command, run, result.replay)


def _execute(asked: Executed, limits: Limits) -> Fact:
    file = f"{_TYPED}/{asked.claim}"
    claim = parse_claim((SAID / asked.claim).read_text(encoding="utf-8"), file)
    command = f"ctxrace replay {file}"
    if claim.subject != asked.guard:
        claim, command = with_guard(claim, asked.guard), f"{command} --guard {asked.guard}"
    result = decide(*prepare(claim), limits=limits, command=command)
    confirmed = result.answer is Answer.CONFIRMED
    run = result.interleaving if confirmed else result.outcome_interleaving
    states = result.states + result.outcome_states
    size = run.length if run else f"{states:,} states" if states > 1 else "no path avoids it"
    return Fact(asked.about, _worded(result), asked.expected, size, command, run)


def _worded(result: ClaimResult) -> str:
    if result.answer is Answer.CONFIRMED:
        return "possible"
    if result.answer is Answer.INCOMPLETE:
        return "incomplete"
    tail = f"; outcome {result.outcome}".removesuffix(" all the same") if result.outcome else ""
    return f"impossible at {result.failed}{tail}"


def _compile(asked: Barrier, limits: Limits) -> Fact:
    words = ["ctxrace", "check", f"{_TYPED}/barrier.c", _LEVELS[-1], *(["--cc", asked.cc] if asked.cc else [])]
    command = shlex.join([*words, "--", f"-D{asked.define}"])
    if asked.cc and shutil.which(asked.cc) is None:
        return Fact(asked.about, "not asked", asked.expected, "", command, missing=f"{asked.cc} is not installed")
    outcomes, same = [], True
    for level in _LEVELS:
        program, plain = _build(asked, level, asked.define), _build(asked, level)
        outcomes.append(check(program, limits=limits).outcome)
        same = same and _code(program) == _code(plain)
    size = f"{' '.join(_LEVELS)}: {'the same' if same else 'other'} code"
    return Fact(asked.about, str(worst(outcomes)), asked.expected, size, command)


def _build(asked: Barrier, level: str, *defines: str) -> Program:
    flags = [f"-D{name}" for name in defines]
    return load(SAID / "barrier.c", cc=asked.cc or None, optimize=level, flags=flags)


def _code(program: Program) -> list[tuple[int, bytes]]:
    return [(s.address, s.data) for s in program.image.sections]


def _states(result: Result) -> str:
    return f"{max((verdict.states for verdict in result.verdicts), default=0):,} states"
