"""``ctxrace show``: the instructions of a program, which of them are events, and why."""

from ctxrace.cli import options as opt
from ctxrace.cli.output import write
from ctxrace.cli.progress import searching
from ctxrace.explore.search import Limits
from ctxrace.kernel.check import explore
from ctxrace.kernel.narrate.listing import listing
from ctxrace.kernel.scenario import validate
from ctxrace.report.listing import render_listing

__all__ = ["show"]


def show(
    file: opt.File,
    flags: opt.Flags = None,
    arch: opt.Arch = "arm64",
    cc: opt.Cc = None,
    optimize: opt.Optimize = None,
    max_states: opt.MaxStates = 100_000,
    timeout: opt.Timeout = None,
) -> None:
    """Show the instructions that FILE's contexts can reach, which are events, and why."""
    program = opt.load_program(file, arch, cc, optimize, flags)
    scenario = validate(program.scenario, program.image)
    with searching(f"exploring {file}") as shown:
        limits = Limits(max_states, timeout)
        system, exploration = explore(program, scenario, limits, shown, everything=True)
    remark = f"as seen in a part of all states only: {exploration.stopped}" if exploration.stopped else ""
    write(render_listing(program.name, program.compiler, listing(system.cpus[0]), remark))
