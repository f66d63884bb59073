"""The system line of a claim about what a command line says: the options in the language of claims."""

import shlex
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ctxrace.bpf.guards import is_guard
from ctxrace.cli.callers import TrampolineOptions
from ctxrace.cli.options import ScenarioOptions
from ctxrace.core.errors import ScenarioError

__all__ = ["BuildOptions", "system_line"]


class BuildOptions(NamedTuple):
    """How the user had the file compiled."""

    arch: str
    cc: str | None
    optimize: str | None
    flags: Sequence[str]


def system_line(file: str, caller: TrampolineOptions, given: ScenarioOptions, build: BuildOptions) -> str:
    """Return what stands behind ``system`` in a claim about `file`; raise `ScenarioError` for what cannot."""
    words = [*(_caller(file, caller) if is_guard(file) else [file]), *_scenario(given), *_build(build)]
    for word in words:
        if "," in word:
            raise ScenarioError(f"{word!r} cannot stand on the system line of a claim, which a comma divides")
    return ", ".join(words)


def _caller(guard: str, given: TrampolineOptions) -> Iterator[str]:
    yield f"bpf {guard}"
    yield f"trampoline {(given.trampolines or ['bare'])[0]}"
    if given.programs is not None:
        yield f"programs {given.programs}"
    if given.sleepable:
        yield "sleepable"
    if given.interrupts is not None:
        yield f"interrupts {given.interrupts.replace(',', ' ')}"
    yield from (f"define {name}" for name in given.defines or ())


def _scenario(given: ScenarioOptions) -> Iterator[str]:
    for name in ("preemption", "rcu", "attempts"):
        if (value := getattr(given, name)) is not None:
            yield f"{name} {value}"
    for name in ("tasks", "fifo_tasks", "softirq", "hardirq", "nmi"):
        yield from (f"{name.replace('_', '-')} {value}" for value in getattr(given, name) or ())


def _build(build: BuildOptions) -> Iterator[str]:
    if build.arch != "arm64":
        yield f"arch {build.arch}"
    if build.cc is not None:
        yield f"cc {build.cc}"
    if build.optimize is not None:
        yield f"-O{build.optimize}"
    words: list[str] = []
    for flag in build.flags:
        if flag.startswith("-") or not words:  # a claim knows flags by their dash, which no quote may hide
            words.append(flag[:2] + shlex.quote(flag[2:]) if flag[2:] else flag)
        else:  # an argument: -I FOLDER
            words[-1] += f" {shlex.quote(flag)}"
    yield from words
