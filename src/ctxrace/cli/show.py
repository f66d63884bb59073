"""``ctxrace show``: the instructions of a program, which of them are events, and why."""

from dataclasses import replace
from typing import Annotated

import typer

from ctxrace.cli import options as opt
from ctxrace.cli.output import Output, deliver, write
from ctxrace.cli.progress import searching
from ctxrace.kernel.check import explore
from ctxrace.kernel.narrate.listing import listing
from ctxrace.kernel.scenario import validate
from ctxrace.report.listing import listing_to_json, render_listing
from ctxrace.report.sentences.stop import stop_phrase

__all__ = ["show"]

_ENOUGH = 100_000  # states: what is an event is seen early


@opt.with_groups
def show(
    context: typer.Context,
    file: opt.File,
    change: opt.Change,
    build: opt.BuildOptions,
    limits: opt.LimitOptions,
    output: Annotated[Output, opt.OUTPUT_GROUP.but("quiet", "verbose")],
    flags: opt.Flags = None,
) -> None:
    """Show the instructions that FILE's contexts can reach, which are events, and why.

    Example: ctxrace show guard.c --arch x86-64
    """
    program = opt.announced(opt.compiled(context, build, flags).load(file, change))
    scenario = validate(change.apply(program.scenario), program.image)
    if limits.max_states == opt.DEFAULT_MAX_STATES:
        limits = replace(limits, max_states=_ENOUGH)
    with searching(f"exploring {file}") as shown:
        system, exploration = explore(program, scenario, limits, shown, everything=True)
    stopped, lines = exploration.stopped, listing(system.cpus[0])
    if output.json:
        deliver(listing_to_json(program.name, program.compiler, lines, stopped), output)
        return
    remark = f"as seen in a part of all states only: {stop_phrase(stopped)}" if stopped else ""
    write(render_listing(program.name, program.compiler, lines, remark), output)
