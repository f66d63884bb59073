"""``ctxrace check``: decide every property of one program."""

import shlex
from typing import Annotated

import typer

from ctxrace.cli import options as opt
from ctxrace.cli.output import exit_status, print_result
from ctxrace.cli.progress import searching
from ctxrace.kernel.check import check as decide

__all__ = ["check"]


@opt.with_groups
def check(
    context: typer.Context,
    file: opt.File,
    change: opt.Change,
    build: opt.BuildOptions,
    limits: opt.LimitOptions,
    strict: opt.Strict,
    output: opt.ResultsOptions,
    mail: Annotated[bool, typer.Option("--mail", help=opt.MAIL.help)] = False,
    coverage: Annotated[bool, typer.Option("--coverage", help="also print which lines were executed")] = False,
    flags: opt.Flags = None,
) -> None:
    """Decide the scenario that FILE declares: a proof, or the interleaving that breaks it.

    Example: ctxrace check guard.c --tasks 3 -O3 -- -DDEBUG
    """
    program = opt.announced(opt.compiled(context, build, flags).load(file, change))
    scenario = change.apply(program.scenario)
    words = opt.without(context.obj, (*opt.OUTPUT, opt.MAIL))
    command = shlex.join(["ctxrace", *words])
    again = shlex.join(["ctxrace", "replay", *opt.without(words[1:], [*opt.LIMITS, opt.STRICT])])
    with searching(f"exploring {file}") as shown:
        expect = shown.expect if shown else None
        result = decide(program, scenario, limits=limits, progress=shown, command=command, replay=again, expect=expect)
    result = result.strictly() if strict else result
    print_result(result, output, mail=mail, coverage=coverage)
    raise typer.Exit(exit_status([result]))
