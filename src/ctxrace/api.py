"""The functions and classes of `import ctxrace`."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from ctxrace.core.errors import CtxraceError
from ctxrace.core.property import Property
from ctxrace.core.verdict import Outcome, Result, Verdict
from ctxrace.explore.search import Limits
from ctxrace.kernel.check import check as _check
from ctxrace.kernel.override import override
from ctxrace.kernel.program import Program, load
from ctxrace.kernel.scenario import balanced, exclusive, progress, recovers

__all__ = ["CtxraceError", "Limits", "Outcome", "Program", "Property", "Result", "Verdict", "balanced", "check",
           "compile", "exclusive", "progress", "recovers"]  # fmt: skip


def compile(
    path: str | Path, *, arch: str = "arm64", cc: str | None = None, optimize: str | None = None,
    flags: Sequence[str] = (),
) -> Program:  # fmt: skip
    """Compile and load a C file (or load an object file or an ELF executable).

    cc: a compiler's command line, None for the clang that comes with ctxrace; optimize: ``-O0`` to ``-Os``;
    flags: more for the compiler. Raises `CtxraceError`.
    """
    return load(path, arch=arch, cc=cc, optimize=optimize, flags=flags)


def check(
    program: Program,
    *,
    tasks: int | str | Sequence[str] = (),
    softirq: str | None = None,
    hardirq: str | None = None,
    nmi: str | None = None,
    preemption: str | None = None,
    attempts: int | None = None,
    properties: Iterable[Property] = (),
    limits: Limits | None = None,
) -> Result:
    """Decide the properties of the program's scenario, changed by what is given.

    tasks: how many, or ``"2:entry"``, or several of those; softirq, hardirq, nmi: an entry, or ``"none"``;
    preemption: ``none`` or ``full``; attempts: how often each context begins at most; properties: instead of the
    declared ones; limits: where to stop. Raises `CtxraceError` where program and scenario do not fit.
    """
    scenario = override(
        program.scenario,
        tasks=[str(tasks)] if isinstance(tasks, int | str) else tasks,
        softirq=[softirq] if softirq else (),
        hardirq=[hardirq] if hardirq else (),
        nmi=[nmi] if nmi else (),
        preemption=preemption,
        attempts=None if attempts is None else str(attempts),
        properties=properties,
    )
    return _check(program, scenario, limits=limits)
