"""``ctxrace replay``: run one schedule again, and tell its interleaving."""

import shlex
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

import typer

from ctxrace.bpf.guards.known import is_guard
from ctxrace.bpf.guards.load import load_guard
from ctxrace.claims.export import claim_of
from ctxrace.cli import options as opt
from ctxrace.cli.callers import CallerOptions, caller_of
from ctxrace.cli.claim import replay_claim
from ctxrace.cli.output import Output, deliver, refuse_two_forms, report_width, tests_as, write, write_pages
from ctxrace.cli.status import Status
from ctxrace.cli.system_line import system_line
from ctxrace.core.errors import ScenarioError
from ctxrace.core.interleaving import Interleaving
from ctxrace.core.property import Property
from ctxrace.core.schedule import Schedule
from ctxrace.core.setting import Setting
from ctxrace.core.suite.trial import Trial, replayed
from ctxrace.kernel.replay import replay as run_again
from ctxrace.kernel.setup import setup_of
from ctxrace.report.formats.format import Format
from ctxrace.report.json import replay_to_json
from ctxrace.report.layout import wrap
from ctxrace.report.mail import render_interleaving_mail
from ctxrace.report.page.results import page_of_run
from ctxrace.report.text import in_short, render_interleaving

__all__ = ["replay"]

_OF_BOTH = ("file", "schedule", "mail", "timeout", "max_memory", "json", "quiet", "verbose", "color",
            "format", "output", "html", "svg")  # fmt: skip
_OF_CLAIMS = ("guard", "max_states", "engine", "trust")


@opt.with_groups
def replay(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help="a claim; for a schedule as for check, or a guard")],
    change: opt.Change,
    caller: CallerOptions,
    build: opt.BuildOptions,
    limits: opt.LimitOptions,
    output: opt.ResultsOptions,
    schedule: Annotated[
        str | None, typer.Option("--schedule", metavar="TEXT", help="what a violation's report ends with")
    ] = None,
    guard: Annotated[str | None, typer.Option("--guard", metavar="NAME", help="ask the claim of this guard")] = None,
    claim: Annotated[bool, typer.Option("--claim", help="print the schedule's interleaving as a claim")] = False,
    mail: Annotated[bool, typer.Option("--mail", help=opt.MAIL.help)] = False,
    trust: Annotated[
        bool, typer.Option("--trust", help="of a claim: its system line may choose any compiler, flags and files")
    ] = False,
    flags: opt.Flags = None,
) -> None:
    """Execute the claim FILE; or replay a schedule on the same machine code and scenario.

    Example: ctxrace replay claim.txt --guard arm64-merged
    """
    _refuse_misplaced(context, file, of_claim=schedule is None)
    refuse_two_forms(output, mail=mail)
    again = shlex.join(["ctxrace", *opt.without(context.obj, (*opt.OUTPUT, opt.MAIL))])
    if schedule is None:
        raise typer.Exit(replay_claim(file, guard, limits, again, mail=mail, trust=trust, output=output))
    build = opt.compiled(context, build, flags)
    if is_guard(file):
        called = caller_of(caller, change)
        change = replace(change, rcu=None)  # which is the caller's now
        program = load_guard(file, called, build, change)
    else:
        if caller:
            typed = Setting(next(iter(caller)))
            raise ScenarioError(
                f"{file} is no guard of ctxrace bpf; leave out ", typed, " and its like, which need one"
            )
        called, program = None, build.load(file, change)
    scenario = change.apply(opt.announced(program).scenario)
    if claim:
        if mail or output.json or output.format is not Format.TEXT:
            raise ScenarioError("--claim is a form of its own; leave out --json, --mail and --format")
        about = system_line(file, called, change, build)
        deliver(claim_of(program, Schedule.parse(schedule), scenario, about), output)
        raise typer.Exit
    run, broken = run_again(program, Schedule.parse(schedule), scenario)
    _print(replayed(setup_of(program, scenario), run, broken, again), run, broken, output, mail=mail)
    write_pages(output, lambda: page_of_run(run, broken, program.name, again), run)
    raise typer.Exit(Status.VIOLATED if broken else Status.HOLDS)


def _print(trial: Trial, run: Interleaving, broken: Sequence[Property], output: Output, *, mail: bool) -> None:
    answer = f"violated: {', '.join(map(str, broken))}" if broken else "nothing is violated"
    if output.json:
        deliver(replay_to_json(trial.name, run, broken), output)
    elif output.format is not Format.TEXT:
        deliver(tests_as(output.format, [trial]), output)
    elif mail:
        write(f"{answer}\n\n{render_interleaving_mail(run)}", output)
    else:
        lines = [line for said in in_short(run) for line in wrap(said, report_width(), "    ")]
        drawn = "".join(f"{line}\n" for line in [answer, *lines, ""]) + render_interleaving(run, report_width())
        write(drawn, output)


def _refuse_misplaced(context: typer.Context, file: str, *, of_claim: bool) -> None:
    """Raise `ScenarioError` for an option that was typed and says nothing here."""
    for option in context.command.params:
        name = option.name or ""
        if name in _OF_BOTH or (name in _OF_CLAIMS) is of_claim:
            continue
        source = context.get_parameter_source(name)
        if source is None or source.name != "COMMANDLINE":
            continue
        typed = option.opts[0] if option.opts[0].startswith("-") else shlex.join(context.params[name])
        if of_claim:
            raise ScenarioError(
                f"{typed} says nothing to a claim, whose system line says what it is about; write it there in {file}, "
                "or to replay a schedule, add --schedule"
            )
        raise ScenarioError(f"{typed} is for claims, and --schedule replays a schedule; leave one of them out")
