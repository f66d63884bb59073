"""``ctxrace bpf``: the flagship tables, and the interleavings of what is violated."""

import shlex
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from ctxrace.bpf.guards import Case, cases, run
from ctxrace.bpf.table import cells, system_cases
from ctxrace.cli import options as opt
from ctxrace.cli.callers import (
    Defines,
    Interrupts,
    Programs,
    Sleepable,
    TrampolineOptions,
    Trampolines,
    callers_of,
)
from ctxrace.cli.output import exit_status, unfinished, write
from ctxrace.cli.progress import searching
from ctxrace.core.errors import ScenarioError
from ctxrace.core.verdict import Outcome, Result
from ctxrace.explore.search import Limits
from ctxrace.report.grid import render_grid
from ctxrace.report.json import to_json
from ctxrace.report.text import render_result, render_table

__all__ = ["app"]

app = typer.Typer(invoke_without_command=True, no_args_is_help=False, rich_markup_mode=None)

_SYSTEM = "the whole system, called by the trampoline's machine code"
_SYSTEM_REMARKS = (
    "one program is attached; 2 tasks and an NMI; of programs that sleep 2 tasks, as no interrupt reaches them",
    "shown in full: ctxrace bpf --guard NAME --arch NAME --trampoline NAME [--sleepable] [--programs 2]",
)


@app.callback()
def bpf(
    context: typer.Context,
    guard: Annotated[list[str] | None, typer.Option("--guard", metavar="NAME")] = None,
    trampoline: Trampolines = None,
    programs: Programs = None,
    sleepable: Sleepable = None,
    rcu: opt.Rcu = None,
    interrupts: Interrupts = None,
    define: Defines = None,
    preemption: Annotated[
        list[str] | None,
        typer.Option("--preemption", metavar="MODEL", help="none, voluntary, full, lazy or rt, default: none and full"),
    ] = None,
    wanted: opt.PropertyOption = None,
    tasks: Annotated[int, typer.Option("--tasks", min=1, metavar="N")] = 2,
    fifo_tasks: Annotated[
        int, typer.Option("--fifo-tasks", min=0, metavar="N", help="so many more, which no task preempts")
    ] = 0,
    cpus: Annotated[
        int, typer.Option("--cpus", min=1, metavar="N", help="how many CPUs, between which tasks migrate")
    ] = 1,
    entry_window: opt.EntryWindow = False,
    attempts: opt.Attempts = None,
    arch: Annotated[str | None, typer.Option("--arch", metavar="NAME", help="the architecture")] = None,
    cc: opt.Cc = None,
    optimize: opt.Optimize = None,
    max_states: opt.MaxStates = opt.DEFAULT_MAX_STATES,
    timeout: opt.Timeout = None,
    jobs: opt.Jobs = opt.DEFAULT_JOBS,
    json: opt.Json = False,
) -> None:  # fmt: skip
    """Check BPF's recursion guards, by themselves and as called by trampolines; tell what is violated.

    Example: ctxrace bpf --guard arm64-v1 --trampoline fexit --sleepable --preemption full
    """
    # long because every option is a parameter
    if context.invoked_subcommand:
        _no_options_before(context)
        return
    given = TrampolineOptions(trampoline, programs, sleepable, rcu, interrupts, define)
    limits, level = Limits(max_states, timeout), opt.level_of(optimize)
    chosen = cases(
        guard or (),
        preemption or (),
        tasks=tasks,
        properties=wanted or (),
        cc=cc,
        optimize=level,
        attempts=attempts,
        limits=limits,
        arch=arch or "arm64",
        callers=callers_of(given, arch or "arm64"),
        cpus=cpus,
        entry_window=entry_window,
        fifo_tasks=fifo_tasks,
    )
    whole: list[Case] = []
    narrowed = guard or preemption or wanted or attempts or given.any or cpus != 1 or entry_window or fifo_tasks
    if not narrowed:
        whole = system_cases([arch] if arch else (), tasks=tasks, cc=cc, optimize=level, limits=limits)
    with searching(f"exploring {len(chosen) + len(whole)} cases"):
        results = list(run([*chosen, *whole], jobs))
    if json:
        sys.stdout.write(to_json(results))
        sys.stderr.write(unfinished(results, len(chosen) + len(whole)))
    else:
        hint = "below" if guard else f"below, and with {shlex.join(['ctxrace', *context.obj])} --guard NAME"
        write(_report(chosen, whole, results, hint))
    raise typer.Exit(exit_status(results, len(chosen) + len(whole)))


def _no_options_before(context: typer.Context) -> None:
    """Raise `ScenarioError` if options stand before the verb's name, where they would mean nothing."""
    verb = str(context.invoked_subcommand)
    before = context.obj[1 : context.obj.index(verb)]
    if before:
        raise ScenarioError(f"{shlex.join(before)} stands before {verb}; write ctxrace bpf {verb} and options after it")


def _report(chosen: Sequence[Case], whole: Sequence[Case], results: Sequence[Result], hint: str) -> str:
    expected = len(chosen) + len(whole)
    if len(results) == 1 == expected:
        return render_result(results[0])
    commands = {case.command for case in whole}
    narrowed = [result for result in results if result.command not in commands]
    system = [result for result in results if result.command in commands]
    begun = {result.command for result in results}
    missing = [case for case in chosen if case.command not in begun]
    parts = [render_table(narrowed, hint=hint, missing=[case.label for case in missing])]
    if whole:
        parts.append(render_grid(cells(whole, system), _SYSTEM, ("guard", "program"), _SYSTEM_REMARKS))
    if len(results) < expected:
        parts.append(unfinished(results, expected, [f"{case.label} {case.preemption}" for case in missing]))
    parts += [render_result(result) for result in narrowed if result.outcome is Outcome.VIOLATED]
    return "\n".join(parts)
