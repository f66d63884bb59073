"""The system line of a claim about what a command line says: the options in the language of claims."""

import shlex
from collections.abc import Iterator, Sequence

from ctxrace.bpf.caller import CALLER, Caller
from ctxrace.core.errors import ScenarioError
from ctxrace.kernel.change import SCENARIO, ScenarioChange
from ctxrace.kernel.option import system_words
from ctxrace.kernel.program import BUILD, Build

__all__ = ["system_line"]


def system_line(file: str, caller: Caller | None, change: ScenarioChange, build: Build) -> str:
    """Return what stands behind ``system`` in a claim about `file`; raise `ScenarioError` for what cannot.

    caller: of a guard, None where `file` is none.
    """
    words = [file]
    if caller is not None:
        words = [f"bpf {file}", *system_words(CALLER, caller)]
    words += [*system_words(SCENARIO, change), *system_words(BUILD, build), *_flags(build.flags)]
    for word in words:
        if "," in word:
            raise ScenarioError(f"{word!r} cannot stand on the system line of a claim, which a comma divides")
    return ", ".join(words)


def _flags(flags: Sequence[str]) -> Iterator[str]:
    words: list[str] = []
    for flag in flags:
        if flag.startswith("-") or not words:  # a claim knows flags by their dash, which no quote may hide
            words.append(flag[:2] + shlex.quote(flag[2:]) if flag[2:] else flag)
        else:  # an argument: -I FOLDER
            words[-1] += f" {shlex.quote(flag)}"
    yield from words
