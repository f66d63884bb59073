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
from ctxrace.cli.output import Output, deliver, refuse_two_forms, tests_as, write, write_pages
from ctxrace.cli.progress import searching
from ctxrace.cli.status import Status, status_of
from ctxrace.core.errors import ScenarioError
from ctxrace.core.meeting import Finding, ProgramsResult
from ctxrace.core.schedule import Schedule
from ctxrace.explore.watch import Limits
from ctxrace.kernel.option import Option
from ctxrace.report.formats.format import Format
from ctxrace.report.page.parts import Page
from ctxrace.report.programs.json import programs_to_json
from ctxrace.report.programs.run import run_of
from ctxrace.report.programs.said import finding_answer
from ctxrace.report.programs.text import render_pairs, render_programs, render_replay
from ctxrace.report.programs.trial import trial_of_finding, trial_of_programs

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
Mail = Annotated[bool, typer.Option("--mail", help=opt.MAIL.help)]

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
    output: Annotated[Output, opt.RESULTS_GROUP.but("verbose")],
    mail: Mail = False,
) -> None:
    """Decide what the programs of a BPF object do to one another on a CPU.

    Example: ctxrace check agent.bpf.o --kernel 7.0 --preemption lazy --rcu preemptible --ignore missed
    """
    refuse_two_forms(output, mail=mail)
    if pairs and (mail or output.format is not Format.TEXT or output.html or output.svg):
        raise ScenarioError(
            "--pairs searches nothing, and is text or JSON; leave out --mail, --format, --html and --svg"
        )
    words = opt.without(context.obj, (*opt.OUTPUT, opt.MAIL))
    again = opt.without(words[1:], (*OF_CHECK_ALONE, *(each for each in REQUEST if each.name == "program")))
    with searching(f"checking pairs of {file}") as shown:
        done = shown.done if shown else None
        result = check_object(Path(file), request, limits=limits, jobs=jobs, pairs_only=pairs, done=done)
    result = replace(result, command=shlex.join(["ctxrace", *words]), replay=shlex.join(["ctxrace", "replay", *again]))
    if output.json:
        deliver(programs_to_json(result), output)
    elif output.format is not Format.TEXT:
        deliver(tests_as(output.format, [trial_of_programs(result)]), output)
    elif mail:
        from ctxrace.report.programs.mail import render_programs_mail

        write(render_programs_mail(result), output)
    else:
        write(render_pairs(result) if pairs else render_programs(result), output)
    write_pages(output, lambda: _page_of(result), next(filter(None, map(run_of, result.findings)), None))
    raise typer.Exit(Status.HOLDS if pairs else status_of(result.outcome))


def _page_of(result: ProgramsResult) -> Page:
    from ctxrace.report.page.programs import page_of_programs  # few ask for it

    return page_of_programs(result)


@opt.with_groups
def replay_programs(
    context: typer.Context,
    file: File,
    request: Annotated[Request, REQUEST_GROUP.but("ignore")],
    limits: Annotated[Limits, LIMITS_GROUP.but("max_states")],
    output: Annotated[Output, opt.RESULTS_GROUP.but("json", "verbose")],
    schedule: Annotated[str, typer.Option("--schedule", metavar="TEXT", help="what a finding's report ends with")],
    mail: Mail = False,
) -> None:
    """Run the interleaving of a finding again, on the same object and kernel.

    Example: ctxrace replay agent.bpf.o --kernel 7.0 --preemption lazy --rcu preemptible --program a,b --schedule TEXT
    """
    del limits
    refuse_two_forms(output, mail=mail)
    found = replay_finding(Path(file), request, Schedule.parse(schedule))
    if output.format is not Format.TEXT:
        deliver(tests_as(output.format, [trial_of_finding(found, file)]), output)
    elif mail:
        from ctxrace.report.programs.mail import render_finding_mail

        write(render_finding_mail(found), output)
    else:
        write(render_replay(found), output)
    command = shlex.join(["ctxrace", *opt.without(context.obj, (*opt.OUTPUT, opt.MAIL))])
    write_pages(output, lambda: _page_of_finding(found, file, command), run_of(found))
    raise typer.Exit(status_of(found.outcome))


def _page_of_finding(found: Finding, file: str, command: str) -> Page:
    from ctxrace.report.page.programs import page_of_finding

    return page_of_finding(found, f"{file}: {finding_answer(found)}", command)
