"""``ctxrace bpf``: the flagship tables, and the interleavings of what is violated."""

import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NoReturn

import typer

from ctxrace.bpf.guards.case import MODELS, Case, cases
from ctxrace.bpf.guards.run import Checked, not_searched, run
from ctxrace.bpf.kernel.check import kernel_cases, run_kernel
from ctxrace.bpf.table import cells, system_cases
from ctxrace.cli import options as opt
from ctxrace.cli.callers import CALLER_GROUP, callers_of
from ctxrace.cli.output import (
    Output,
    deliver,
    exit_status,
    explain,
    first_run,
    report_width,
    results_as,
    unfinished,
    write,
    write_pages,
)
from ctxrace.cli.progress import searching
from ctxrace.cli.status import say
from ctxrace.cli.verbs import Verb, Verbs
from ctxrace.core.errors import ScenarioError
from ctxrace.core.facts.stop import Stop
from ctxrace.core.setting import Setting
from ctxrace.core.verdict import Outcome, Result
from ctxrace.explore.watch import Limits
from ctxrace.kernel.change import ScenarioChange
from ctxrace.kernel.program import Build
from ctxrace.kernel.rules.contexts import INTERRUPT_NAMES
from ctxrace.kernel.rules.preemption import Preemption
from ctxrace.report.formats.format import Format
from ctxrace.report.grid import render_grid
from ctxrace.report.json import to_json
from ctxrace.report.text import render_result, render_table

if TYPE_CHECKING:
    from ctxrace.report.page.parts import Page

__all__ = ["app"]


class _Bpf(Verbs):
    rows: ClassVar = (
        Verb("models", "ctxrace.cli.models", "Verbs", "the same on every kernel: preemption, RCU, CPUs"),
        Verb("claims", "ctxrace.cli.thread", "Verbs", "check each statement in the thread"),
    )


app = typer.Typer(
    name="bpf",
    cls=_Bpf,
    invoke_without_command=True,
    no_args_is_help=False,
    add_completion=False,
    rich_markup_mode=None,
)

_OF_FILES = ("exclusive", "balanced", "recovers", "progress")
"""Options that name what a guard's own file declares."""

_SYSTEM = "the whole system, called by the trampoline's machine code"
_SYSTEM_REMARKS = (
    "one program is attached; 2 tasks and an NMI; of programs that sleep 2 tasks, as no interrupt reaches them",
    "shown in full: ctxrace bpf --guard NAME --arch NAME --trampoline NAME [--sleepable] [--programs 2]",
)


@app.callback()
@opt.with_groups
def bpf(
    context: typer.Context,
    change: Annotated[ScenarioChange, opt.CHANGE_GROUP.but("preemption", *INTERRUPT_NAMES, *_OF_FILES)],
    caller: Annotated[Mapping[str, Any], CALLER_GROUP.but("trampoline")],
    trampolines: Annotated[tuple[str, ...], CALLER_GROUP.each("trampoline")],
    models: Annotated[tuple[Preemption, ...], opt.CHANGE_GROUP.each("preemption")],
    build: opt.BuildOptions,
    limits: opt.LimitOptions,
    jobs: opt.Jobs,
    output: opt.ResultsOptions,
    guard: Annotated[
        list[str] | None, typer.Option("--guard", metavar="NAME", help="default: all", rich_help_panel="Guard")
    ] = None,
) -> None:
    """Check BPF's recursion guards, by themselves and as called by trampolines; tell what is violated.

    Example: ctxrace bpf --guard arm64-v1 --trampoline fexit --sleepable --preemption full
    """
    if context.invoked_subcommand:
        _no_options_before(context)
        return
    if build.kernel is not None:
        named = bool(guard or trampolines or caller)
        _check_kernel(build, change, models, limits, jobs, output, named=named)
    callers = callers_of(caller, trampolines, change, build.architecture)
    narrowed = guard or models or trampolines or caller or replace(change, tasks=None)
    change = replace(change, rcu=None)  # which is the callers' now
    chosen = cases(guard or (), models or MODELS, change, callers=callers, build=build, limits=limits)
    whole: list[Case] = []
    if not narrowed:
        source = context.get_parameter_source("arch")
        archs = [build.architecture] if source is not None and source.name == "COMMANDLINE" else []
        whole = system_cases(archs, change=change, build=build, limits=limits)
    with searching("exploring cases") as shown:
        results, ended = run([*chosen, *whole], jobs, shown.done if shown else None)
    if output.json:
        deliver(to_json(results), output)
        say(unfinished(results, len(chosen) + len(whole), ended))
    elif output.format is not Format.TEXT:
        deliver(results_as(output.format, results, not_searched([*chosen, *whole], results), ended), output)
    else:
        hint = (
            "below"
            if guard
            else f"below, and with {shlex.join(['ctxrace', *opt.without(context.obj, opt.OUTPUT)])} --guard NAME"
        )
        write(_report(chosen, whole, Checked(results, ended), hint), output)
    begun = {result.command for result in results}
    missing = [case.label for case in [*chosen, *whole] if case.command not in begun]
    system = {case.command for case in whole}
    notes = _SYSTEM_REMARKS if whole else ()
    write_pages(output, lambda: _page(results, missing, ended, system, notes), first_run(results))
    explain(results, output)
    raise typer.Exit(exit_status(results, len(chosen) + len(whole)))


def _check_kernel(
    build: Build,
    change: ScenarioChange,
    models: Sequence[Preemption],
    limits: Limits,
    jobs: int,
    output: Output,
    *,
    named: bool,
) -> NoReturn:
    """Check the kernel's own guard, print the table, and exit. named: whether a guard or its caller was named."""
    if named:
        raise ScenarioError(Setting("kernel", build.kernel), " has its own guard; leave the guard and its caller out")
    if len(models) > 1:
        raise ScenarioError(Setting("preemption", str(models[1])), " is a second model; a kernel has one at a time")
    wanted = kernel_cases(build, replace(change, preemption=models[0] if models else None), limits)
    with searching("exploring cases") as shown:
        results, ended = run_kernel(wanted, jobs, shown.done if shown else None)
    begun = {result.case for result in results}
    missing = [case.label for case in wanted if case.label not in begun]
    if output.json:
        deliver(to_json(results), output)
        say(unfinished(results, len(wanted), ended))
    elif output.format is not Format.TEXT:
        deliver(results_as(output.format, results, [f"ctxrace check {case.words}" for case in wanted
                                                    if case.label in missing], ended), output)  # fmt: skip
    else:
        table = render_table(results, noun="kernel", hint="below", missing=missing)
        told = [render_result(result, report_width()) for result in results if result.outcome is Outcome.VIOLATED]
        rest = [unfinished(results, len(wanted), ended)] if missing else []
        write("\n".join([table, *rest, *told]), output)
    explain(results, output)
    raise typer.Exit(exit_status(results, len(wanted)))


def _page(
    results: Sequence[Result], missing: Sequence[str], ended: Stop | None, brief: Collection[str], notes: Sequence[str]
) -> "Page":
    from ctxrace.report.page.results import page_of_results  # few ask for it

    return page_of_results(results, missing=missing, ended=ended, brief=brief, notes=notes)


def _no_options_before(context: typer.Context) -> None:
    """Raise `ScenarioError` if options stand before the verb's name, where they would mean nothing."""
    verb = str(context.invoked_subcommand)
    before = context.obj[1 : context.obj.index(verb)]
    if before:
        raise ScenarioError(f"{shlex.join(before)} stands before {verb}; write ctxrace bpf {verb} and options after it")


def _report(chosen: Sequence[Case], whole: Sequence[Case], checked: Checked, hint: str) -> str:
    results, ended = checked
    expected = len(chosen) + len(whole)
    if len(results) == 1 == expected:
        return render_result(results[0], report_width())
    commands = {case.command for case in whole}
    narrowed = [result for result in results if result.command not in commands]
    system = [result for result in results if result.command in commands]
    begun = {result.command for result in results}
    missing = [case for case in chosen if case.command not in begun]
    parts = [render_table(narrowed, hint=hint, missing=[case.label for case in missing], width=report_width())]
    if whole:
        parts.append(render_grid(cells(whole, system), _SYSTEM, ("guard", "program"), _SYSTEM_REMARKS, report_width()))
    if len(results) < expected:
        parts.append(unfinished(results, expected, ended, [f"{case.label} {case.preemption}" for case in missing]))
    parts += [render_result(result, report_width()) for result in narrowed if result.outcome is Outcome.VIOLATED]
    return "\n".join(parts)
