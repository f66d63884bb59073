"""``ctxrace bpf models``: what holds for which guard, on which kernel, for which programs."""

from typing import Annotated

import typer

from ctxrace.bpf.guards.run import not_searched, run
from ctxrace.bpf.models import DEFAULT_GUARDS, cells, model_cases
from ctxrace.cli import options as opt
from ctxrace.cli.output import (
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
from ctxrace.kernel.program import OF_KERNELS, Build
from ctxrace.report.formats.format import Format
from ctxrace.report.json import to_json
from ctxrace.report.models import render_models
from ctxrace.report.page.results import page_of_results

__all__ = ["CORNER", "REMARKS", "TITLE", "models"]

TITLE = "a program that a fentry trampoline calls, 2 tasks, no interrupts but where a column names them"
CORNER = ("guard", "program, RCU")
REMARKS = (
    "-: PREEMPT_RT has preemptible RCU only; programs that sleep are reached by no interrupt",
    "Debian's 7.2 kernel for arm64 is lazy and non-preemptible; which kernels are which: docs/models.md",
    "shown in full: ctxrace bpf --guard NAME --trampoline fentry --preemption MODEL --rcu FLAVOUR "
    "[--sleepable] [--interrupts LIST|none] [--tasks N] [--cpus 2 [-D BPF_NO_MIGRATE_DISABLE]]",
)


@opt.with_groups
def models(
    build: Annotated[Build, opt.BUILD_GROUP.but("arch", *OF_KERNELS)],
    limits: opt.LimitOptions,
    jobs: opt.Jobs,
    output: opt.ResultsOptions,
    guard: Annotated[
        list[str] | None, typer.Option("--guard", metavar="NAME", help=f"default: {', '.join(DEFAULT_GUARDS)}")
    ] = None,
) -> None:
    """Check guards under every preemption model and RCU flavour, on one CPU and on two (arm64).

    Example: ctxrace bpf models --guard arm64-v1 --guard plain-int
    """
    keys = model_cases(guard or (), build=build, limits=limits)
    with searching("exploring cases") as shown:
        results, ended = run(list(keys), jobs, shown.done if shown else None)
    if output.json:
        deliver(to_json(results), output)
        say(unfinished(results, len(keys), ended))
    elif output.format is not Format.TEXT:
        deliver(results_as(output.format, results, not_searched(list(keys), results), ended), output)
    else:
        tables = render_models(cells(keys, results), TITLE, CORNER, REMARKS, report_width())
        write(tables + unfinished(results, len(keys), ended), output)
    missing = [case.label for case in keys if case.command not in {result.command for result in results}]
    write_pages(output, lambda: page_of_results(results, missing=missing, ended=ended), first_run(results))
    explain(results, output)
    raise typer.Exit(exit_status(results, len(keys)))
