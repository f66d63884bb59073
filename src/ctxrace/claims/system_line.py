"""The claim's system line: a C file, how it is compiled, and what is changed of its scenario."""

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ctxrace.claims.syntax import Claim
from ctxrace.core.errors import ScenarioError
from ctxrace.core.setting import Setting
from ctxrace.kernel.change import SCENARIO, ScenarioChange
from ctxrace.kernel.option import Option, as_system_word
from ctxrace.kernel.program import BUILD, Build, Program
from ctxrace.kernel.rules.contexts import INTERRUPT_NAMES
from ctxrace.kernel.scenario import Scenario
from ctxrace.machine.build.flags import objection

__all__ = ["Options", "load_system", "options_of", "read_words", "scenario_of"]

_OPTIONS = {option.word: option for option in (*SCENARIO, *BUILD) if option.in_claims and not option.joined}
_NO_INTERRUPTS = "interrupts none"
_KNOWN = ("preemption full", "-O3", "-DNAME", "arch x86-64", "cc COMMAND", "tasks 3", "fifo-tasks 1", "attempts 1",
          "nmi ENTRY", "nmi none", _NO_INTERRUPTS, "rcu non-preemptible")  # fmt: skip


@dataclass(frozen=True)
class Options:
    """What a system line says after its commas."""

    build: Build
    change: ScenarioChange


def options_of(claim: Claim) -> Options:
    """Return what the system line of `claim` says after its commas; raise `ScenarioError` for an unknown word."""
    words: list[str] = []
    flags: list[str] = []
    optimize = None
    for text in claim.options:
        if text.startswith("-O"):
            optimize = text
        elif text.startswith("-"):
            flags += _split(claim, text)
        elif text == _NO_INTERRUPTS:
            words += [f"{level} none" for level in INTERRUPT_NAMES]
        else:
            words.append(text)
    given = read_words(claim, words, _OPTIONS, _KNOWN)
    try:
        made = {option.name: option.read(given[option.name]) for option in BUILD if option.name in given}
        build, change = Build(optimize=optimize, flags=tuple(flags), **made), ScenarioChange.read(given)
    except ScenarioError as error:
        raise _placed(claim, error) from None
    if not claim.trusted and (why := objection(build.cc, build.flags, _directory(claim))):
        raise _distrusted(claim, why)
    return Options(build, change)


def _directory(claim: Claim) -> Path:
    """Return where the files of `claim` are: beside it, or in the working directory where it is read from a pipe."""
    return Path() if claim.file.startswith("/dev/") else Path(claim.file).parent


def _distrusted(claim: Claim, why: str) -> ScenarioError:
    return ScenarioError(
        f"{claim.file}: the system line asks for more than a claim may, which is data and not a program: {why}; "
        "if you trust its author, pass ", Setting("trust")
    )  # fmt: skip


def _split(claim: Claim, text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:  # a quote that is never closed
        why = str(error).lower()
        raise ScenarioError(f"{claim.file}: {text!r} on the system line has {why}; close the quote") from None


def read_words(claim: Claim, words: Iterable[str], options: dict[str, Option], known: Sequence[str]) -> dict[str, Any]:
    """Return the text of each option in `words`, by its name: of a repeated one a list, of a switch True.

    known: examples for the error. Raises `ScenarioError` for a word that is no option, or contradicts an earlier one.
    """
    given: dict[str, Any] = {}
    for text in words:
        word, _, rest = text.partition(" ")
        option = options.get(word)
        if option is None or bool(option.metavar) is not bool(rest):
            raise ScenarioError(
                f"{claim.file}: {text!r} on the system line is not understood; there are: {', '.join(known)}"
            )
        if option.repeated:
            given[option.name] = list(dict.fromkeys([*given.get(option.name, []), rest]))
        elif given.setdefault(option.name, rest or True) != (rest or True):
            raise ScenarioError(f"{claim.file}: the system line says {word} twice: {given[option.name]}, {rest}")
    return given


def scenario_of(claim: Claim, declared: Scenario, change: ScenarioChange) -> Scenario:
    """Return the declared scenario with what the claim changes of it; named tasks are as many as there are names."""
    names = [name for line in claim.tasks for name in line.names]
    try:
        if names and change.tasks is None and not any(line.entry for line in claim.tasks):
            change = replace(change, tasks=ScenarioChange.of(tasks=len(names)).tasks)
        return change.apply(declared)
    except ScenarioError as error:
        raise _placed(claim, error) from None


def load_system(claim: Claim) -> tuple[Program, Scenario]:
    """Compile the C file of `claim`, which lies beside it, and return it with the claim's scenario."""
    options = options_of(claim)
    path = _directory(claim) / claim.system
    try:
        outside = not claim.trusted and not path.resolve().is_relative_to(_directory(claim).resolve())
    except (OSError, ValueError, RuntimeError):  # a name that is too long, a loop of links: no such file
        outside = False
    if outside:
        raise _distrusted(claim, f"{claim.system!r} is outside of its directory")
    try:
        program = options.build.load(path, options.change)
    except ScenarioError as error:
        raise _placed(claim, error) from None
    return program, scenario_of(claim, program.scenario, options.change)


def _placed(claim: Claim, error: ScenarioError) -> ScenarioError:
    """Return `error` with the place of the claim, in the words of a system line."""
    return ScenarioError(f"{claim.file}: {error.spelled(as_system_word)}")
