"""``ctxrace check`` and ``replay`` for a BPF object: which of its programs meet, and what goes wrong then."""

import shlex
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from ctxrace.bpf.programs.replay import replay_finding
from ctxrace.bpf.programs.request import REQUEST, Request, request_of
from ctxrace.bpf.programs.whole import check_object
from ctxrace.cli import options as opt
from ctxrace.cli.output import Output, deliver, write
from ctxrace.cli.progress import searching
from ctxrace.cli.status import Status, status_of
from ctxrace.core.schedule import Schedule
from ctxrace.explore.watch import Limits
from ctxrace.kernel.option import Option
from ctxrace.report.programs import render_pairs, render_programs, render_replay
from ctxrace.report.programs_json import programs_to_json

__all__ = ["check_programs", "replay_programs"]

DEFAULT_STATES = 10_000  # of one question: a few seconds

STATES = replace(opt.MAX_STATES, help=f"stop a question after so many states; default: {DEFAULT_STATES:,}")
PAIRS = Option("pairs", "", "only say which programs may meet, and on what", bool)


def _bounds(given: Mapping[str, Any]) -> opt.Bounds:
    return opt.bounds_of({"max_states": str(DEFAULT_STATES), **given})


REQUEST_GROUP = opt.Group("BPF programs", REQUEST, request_of)
LIMITS_GROUP = opt.Group("Limits", (STATES, opt.TIMEOUT, opt.MAX_MEMORY), _bounds)
PAIRS_GROUP = opt.Group("Findings", (PAIRS,), lambda given: bool(given.get("pairs")))

OfRequest = Annotated[Request, REQUEST_GROUP]
File = Annotated[str, typer.Argument(metavar="FILE", help="what clang -target bpf -c -g wrote")]

OF_CHECK_ALONE = (*LIMITS_GROUP.options, opt.JOBS, PAIRS, *(each for each in REQUEST if each.name == "ignore"))
"""What a replay has no use for."""


@opt.with_groups
def check_programs(
    context: typer.Context,
    file: File,
    request: OfRequest,
    pairs: Annotated[bool, PAIRS_GROUP],
    limits: Annotated[Limits, LIMITS_GROUP],
    jobs: opt.Jobs,
    output: Annotated[Output, opt.RESULTS_GROUP.but("format", "verbose", "html", "svg")],
) -> None:
    """Decide what the programs of a BPF object do to one another on a CPU.

    Example: ctxrace check agent.bpf.o --kernel 7.0 --preemption lazy --rcu preemptible --ignore missed
    """
    words = opt.without(context.obj, opt.OUTPUT)
    again = opt.without(words[1:], (*OF_CHECK_ALONE, *(each for each in REQUEST if each.name == "program")))
    with searching(f"checking {file}"):
        result = check_object(Path(file), request, limits=limits, jobs=jobs, pairs_only=pairs)
    result = replace(result, command=shlex.join(["ctxrace", *words]), replay=shlex.join(["ctxrace", "replay", *again]))
    if output.json:
        deliver(programs_to_json(result), output)
    else:
        write(render_pairs(result) if pairs else render_programs(result), output)
    raise typer.Exit(Status.HOLDS if pairs else status_of(result.outcome))


@opt.with_groups
def replay_programs(
    file: File,
    request: Annotated[Request, REQUEST_GROUP.but("ignore")],
    limits: Annotated[Limits, LIMITS_GROUP.but("max_states")],
    output: Annotated[Output, opt.OUTPUT_GROUP.but("json", "verbose")],
    schedule: Annotated[str, typer.Option("--schedule", metavar="TEXT", help="what a finding's report ends with")],
) -> None:
    """Run the interleaving of a finding again, on the same object and kernel.

    Example: ctxrace replay agent.bpf.o --kernel 7.0 --preemption lazy --rcu preemptible --program a,b --schedule TEXT
    """
    del limits
    found = replay_finding(Path(file), request, Schedule.parse(schedule))
    write(render_replay(found), output)
    raise typer.Exit(status_of(found.outcome))
