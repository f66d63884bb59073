"""``ctxrace replay``: run one schedule again, and tell its interleaving."""

import shlex
import sys
from collections.abc import Iterator, Sequence
from typing import Annotated

import typer

from ctxrace.claims.export import claim_of
from ctxrace.cli import options as opt
from ctxrace.cli.callers import (
    Defines,
    Interrupts,
    Programs,
    Sleepable,
    TrampolineOptions,
    Trampolines,
    load_program,
)
from ctxrace.cli.claim import replay_claim
from ctxrace.cli.output import write
from ctxrace.cli.system_line import BuildOptions, system_line
from ctxrace.core.errors import ScenarioError
from ctxrace.core.schedule import Schedule
from ctxrace.explore.search import Limits
from ctxrace.kernel.replay import replay as run_again
from ctxrace.report.text import render_interleaving

__all__ = ["replay", "without_limits"]

_LIMITS = ("--max-states", "--timeout")
_OF_CLAIMS = ("guard", "mail", "json", "max_states", "timeout")


def without_limits(words: Sequence[str]) -> Iterator[str]:
    """Return the words of a command line without the options that only end a search early."""
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word in _LIMITS:
            skip = True
        elif not word.startswith(tuple(f"{name}=" for name in _LIMITS)):
            yield word


@opt.with_scenario_options
def replay(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help="a claim; for a schedule as for check, or a guard")],
    schedule: Annotated[
        str | None, typer.Option("--schedule", metavar="TEXT", help="what a violation's report ends with")
    ] = None,
    flags: opt.Flags = None,
    trampoline: Trampolines = None,
    programs: Programs = None,
    sleepable: Sleepable = None,
    interrupts: Interrupts = None,
    define: Defines = None,
    given: opt.ScenarioOptions = opt.UNCHANGED,
    arch: opt.Arch = "arm64",
    cc: opt.Cc = None,
    optimize: opt.Optimize = None,
    guard: Annotated[str | None, typer.Option("--guard", metavar="NAME", help="ask the claim of this guard")] = None,
    claim: Annotated[bool, typer.Option("--claim", help="print the schedule's interleaving as a claim")] = False,
    mail: Annotated[bool, typer.Option("--mail", help="of a claim: a plain-text reply")] = False,
    json: Annotated[bool, typer.Option("--json", help="of a claim: print ctxrace-claim/1")] = False,
    max_states: opt.MaxStates = opt.DEFAULT_MAX_STATES,
    timeout: opt.Timeout = None,
) -> None:
    """Execute the claim FILE; or replay a schedule on the same machine code and scenario.

    Example: ctxrace replay claim.txt --guard arm64-merged
    """
    _refuse_misplaced(context, file, of_claim=schedule is None)
    if schedule is None:
        again = shlex.join(["ctxrace", *(word for word in context.obj if word not in ("--json", "--mail"))])
        raise typer.Exit(replay_claim(file, guard, Limits(max_states, timeout), again, mail, json))
    caller = TrampolineOptions(trampoline, programs, sleepable, given.rcu, interrupts, define)
    program = load_program(file, caller, arch, cc, optimize, flags, given.preemption, given.cpus)
    scenario = opt.scenario_of(program.scenario, given)
    if claim:
        about = system_line(file, caller, given, BuildOptions(arch, cc, optimize, flags or ()))
        sys.stdout.write(claim_of(program, Schedule.parse(schedule), scenario, about))
        raise typer.Exit
    told, broken = run_again(program, Schedule.parse(schedule), scenario)
    sys.stdout.write(f"violated: {', '.join(map(str, broken))}\n\n" if broken else "nothing is violated\n\n")
    write(render_interleaving(told))
    raise typer.Exit(1 if broken else 0)


def _refuse_misplaced(context: typer.Context, file: str, *, of_claim: bool) -> None:
    """Raise `ScenarioError` for an option that was typed and says nothing here."""
    for option in context.command.params:
        name = option.name or ""
        if name in ("file", "schedule") or (name in _OF_CLAIMS) is of_claim:
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
