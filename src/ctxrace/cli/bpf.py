"""``ctxrace bpf``: the flagship table, and the interleavings of what is violated."""

import os
import shlex
import sys
from typing import Annotated

import typer

from ctxrace.bpf.guards import cases, run
from ctxrace.cli import options as opt
from ctxrace.cli.output import exit_status, write
from ctxrace.cli.progress import searching
from ctxrace.core.verdict import Outcome, Result
from ctxrace.explore.search import Limits
from ctxrace.report.json import to_json
from ctxrace.report.text import render_result, render_table

__all__ = ["bpf"]


def bpf(
    context: typer.Context,
    guard: Annotated[list[str] | None, typer.Option("--guard", metavar="NAME")] = None,
    preemption: Annotated[list[str] | None, typer.Option("--preemption", metavar="none|full")] = None,
    wanted: opt.PropertyOption = None,
    tasks: Annotated[int, typer.Option("--tasks", min=1, metavar="N")] = 2,
    attempts: opt.Attempts = None,
    arch: opt.Arch = "arm64",
    cc: opt.Cc = None,
    optimize: opt.Optimize = None,
    max_states: opt.MaxStates = opt.DEFAULT_MAX_STATES,
    timeout: opt.Timeout = None,
    jobs: Annotated[int | None, typer.Option("--jobs", min=1, help="processes, default: one for each CPU")] = None,
    json: opt.Json = False,
) -> None:  # fmt: skip
    """Check BPF's recursion guards: guard by preemption by property, then the interleavings of what is violated.

    Example: ctxrace bpf --guard arm64-v1 --preemption full --property exclusive
    """
    chosen = cases(
        guard or (),
        preemption or (),
        tasks=tasks,
        properties=wanted or (),
        cc=cc,
        optimize=opt.level_of(optimize),
        attempts=attempts,
        limits=Limits(max_states, timeout),
        arch=arch,
    )
    with searching(f"exploring {len(chosen)} cases"):
        results = list(run(chosen, jobs or os.cpu_count() or 1))
    if json:
        sys.stdout.write(to_json(results))
    else:
        write(_report(results, len(chosen), shlex.join(["ctxrace", *context.obj])))
    unfinished = len(results) < len(chosen)
    raise typer.Exit(3 if unfinished and not exit_status(results) else exit_status(results))


def _report(results: list[Result], expected: int, command: str) -> str:
    if len(results) == 1 == expected:
        return render_result(results[0])
    parts = [render_table(results, hint=f"below, and with {command} --guard NAME")]
    if len(results) < expected:
        parts.append(f"incomplete: interrupted before {expected - len(results)} of {expected} cases\n")
    parts += [render_result(result) for result in results if result.outcome is Outcome.VIOLATED]
    return "\n".join(parts)
