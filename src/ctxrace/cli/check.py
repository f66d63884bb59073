"""``ctxrace check``: decide every property of one program."""

import shlex
import sys

import typer

from ctxrace.cli import options as opt
from ctxrace.cli.output import exit_status, write
from ctxrace.cli.progress import searching
from ctxrace.cli.replay import without_limits
from ctxrace.explore.search import Limits
from ctxrace.kernel.check import check as decide
from ctxrace.report.json import to_json
from ctxrace.report.text import render_result

__all__ = ["check"]


@opt.with_scenario_options
def check(
    context: typer.Context,
    file: opt.File,
    flags: opt.Flags = None,
    given: opt.ScenarioOptions = opt.UNCHANGED,
    arch: opt.Arch = "arm64",
    cc: opt.Cc = None,
    optimize: opt.Optimize = None,
    max_states: opt.MaxStates = opt.DEFAULT_MAX_STATES,
    timeout: opt.Timeout = None,
    json: opt.Json = False,
) -> None:
    """Decide the scenario that FILE declares: a proof, or the interleaving that breaks it.

    Example: ctxrace check guard.c --tasks 3 -O3 -- -DDEBUG
    """
    program = opt.load_program(file, arch, cc, optimize, flags, given=given)
    scenario = opt.scenario_of(program.scenario, given)
    words = [word for word in context.obj if word != "--json"]
    command = shlex.join(["ctxrace", *words])
    again = shlex.join(["ctxrace", "replay", *without_limits(words[1:])])
    with searching(f"exploring {file}") as shown:
        limits, expect = Limits(max_states, timeout), shown.expect if shown else None
        result = decide(program, scenario, limits=limits, progress=shown, command=command, replay=again, expect=expect)
    if json:
        sys.stdout.write(to_json([result]))
    else:
        write(render_result(result))
    raise typer.Exit(exit_status([result]))
