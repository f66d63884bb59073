"""``ctxrace check`` and ``replay`` for a BPF object: which of its programs meet, and what goes wrong then."""

import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from ctxrace.bpf.programs.replay import replay_finding
from ctxrace.bpf.programs.rules.kernel import DISTRIBUTIONS, Kernel, parse_version
from ctxrace.bpf.programs.whole import Request, check_object
from ctxrace.cli.output import write
from ctxrace.cli.status import status_of
from ctxrace.core.errors import ScenarioError
from ctxrace.core.limits import Budget, default_memory, within
from ctxrace.core.meeting import ProgramsResult
from ctxrace.core.schedule import Schedule
from ctxrace.explore.watch import Limits
from ctxrace.kernel.rules.contexts import Level
from ctxrace.kernel.rules.preemption import Preemption
from ctxrace.report.programs import render_pairs, render_programs, render_replay
from ctxrace.report.programs_json import programs_to_json

__all__ = ["check_programs", "replay_programs"]

DEFAULT_STATES = 10_000  # of one question: a few seconds
DEFAULT_JOBS = os.cpu_count() or 1

File = Annotated[str, typer.Argument(metavar="FILE", help="what clang -target bpf -c -g wrote")]
KernelOption = Annotated[
    str,
    typer.Option("--kernel", metavar="VERSION", help="a version, like 6.12, or one of " + ", ".join(DISTRIBUTIONS)),
]
PreemptionOption = Annotated[
    str | None, typer.Option("--preemption", metavar="MODEL", help="none, voluntary, full, lazy or rt")
]
Rcu = Annotated[str | None, typer.Option("--rcu", metavar="FLAVOUR", help="preemptible or non-preemptible")]
Config = Annotated[str | None, typer.Option("--config", metavar="FILE", help="a kernel's .config")]
Program = Annotated[list[str] | None, typer.Option("--program", metavar="NAME[,NAME]", help="only these programs")]
Context = Annotated[
    list[str] | None, typer.Option("--context", metavar="PROG=LEVEL", help="task, softirq, hardirq or nmi")
]
Attach = Annotated[list[str] | None, typer.Option("--attach", metavar="PROG=HOOK", help="what it is attached to")]
NotTogether = Annotated[
    list[str] | None, typer.Option("--not-together", metavar="A,B", help="user space loads only one of these")
]
Assume = Annotated[
    list[str] | None,
    typer.Option("--assume-harmless", metavar="NAME", help="a helper or kfunc that is not known touches nothing"),
]
Rodata = Annotated[str | None, typer.Option("--rodata", metavar="FILE", help="what user space puts into .rodata")]
MaxStates = Annotated[int, typer.Option("--max-states", metavar="N", min=1, help="of each question")]
Timeout = Annotated[float | None, typer.Option("--timeout", metavar="SECONDS", min=0, help="stop after so long")]
Jobs = Annotated[int, typer.Option("--jobs", metavar="N", min=1, help="processes")]


def check_programs(
    context: typer.Context,
    file: File,
    kernel: KernelOption = "debian-sid-amd64",
    preemption: PreemptionOption = None,
    rcu: Rcu = None,
    config: Config = None,
    program: Program = None,
    where: Context = None,
    attach: Attach = None,
    not_together: NotTogether = None,
    assume: Assume = None,
    rodata: Rodata = None,
    pairs: Annotated[bool, typer.Option("--pairs", help="only say which programs may meet, and on what")] = False,
    max_states: MaxStates = DEFAULT_STATES,
    timeout: Timeout = None,
    jobs: Jobs = DEFAULT_JOBS,
    json: Annotated[bool, typer.Option("--json", help="print JSON instead of text")] = False,
) -> None:
    """Decide what the programs of a BPF object do to one another on a CPU.

    Example: ctxrace check agent.bpf.o --kernel 7.0 --preemption lazy --rcu preemptible
    """
    request = Request(
        kernel_of(kernel, preemption, rcu, config),
        _names(program),
        _contexts(where),
        dict(_named(attach, "--attach", "PROG=HOOK")),
        frozenset(frozenset(_two(names)) for names in not_together or ()),
        frozenset(assume or ()),
        Path(rodata).read_bytes() if rodata else None,
    )
    with within(Budget(timeout, default_memory())):
        result = check_object(Path(file), request, limits=Limits(max_states), jobs=jobs, pairs_only=pairs)
    result = _commanded(result, context.obj)
    if json:
        sys.stdout.write(programs_to_json(result))
    else:
        write(render_pairs(result) if pairs else render_programs(result))
    raise typer.Exit(0 if pairs else status_of(result.outcome))


def replay_programs(
    file: File,
    schedule: Annotated[str, typer.Option("--schedule", metavar="TEXT", help="what a finding's report ends with")],
    kernel: KernelOption = "debian-sid-amd64",
    preemption: PreemptionOption = None,
    rcu: Rcu = None,
    config: Config = None,
    program: Program = None,
    where: Context = None,
    attach: Attach = None,
    not_together: NotTogether = None,
    assume: Assume = None,
    rodata: Rodata = None,
) -> None:
    """Run the interleaving of a finding again, on the same object and kernel.

    Example: ctxrace replay agent.bpf.o --kernel 7.0 --preemption lazy --rcu preemptible --program a,b --schedule TEXT
    """
    request = Request(
        kernel_of(kernel, preemption, rcu, config),
        _names(program),
        _contexts(where),
        dict(_named(attach, "--attach", "PROG=HOOK")),
        frozenset(frozenset(_two(names)) for names in not_together or ()),
        frozenset(assume or ()),
        Path(rodata).read_bytes() if rodata else None,
    )
    found = replay_finding(Path(file), request, Schedule.parse(schedule))
    write(render_replay(found))
    raise typer.Exit(status_of(found.outcome))


def _commanded(result: ProgramsResult, words: Sequence[str]) -> ProgramsResult:
    typed = [word for word in words if word != "--json"]
    skipped = {"--program", "--max-states", "--timeout", "--jobs"}
    again: list[str] = []
    rest = iter(typed[1:])
    for word in rest:
        if word in skipped:
            next(rest, None)
        elif word.partition("=")[0] not in skipped:
            again.append(word)
    return replace(result, command=shlex.join(["ctxrace", *typed]), replay=shlex.join(["ctxrace", "replay", *again]))


def kernel_of(kernel: str, preemption: str | None, rcu: str | None, config: str | None) -> Kernel:
    """Return the kernel that the options describe. Raises `ScenarioError` where they describe none."""
    model = _model(preemption)
    flavour = _rcu(rcu)
    if config is not None:
        text = Path(config).read_text(encoding="utf-8", errors="replace")
        known = kernel in DISTRIBUTIONS
        found = Kernel.from_config(text, version=None if known else parse_version(kernel))
        return found if model is None else found.booted(model)
    if kernel in DISTRIBUTIONS:
        found = Kernel.of_distribution(kernel)
        if flavour is not None:
            return Kernel(found.version, model or found.preemption, flavour)
        return found if model is None else found.booted(model)
    if model is None:
        raise ScenarioError(f"kernel {kernel} may boot with any preemption model; say which with --preemption MODEL")
    return Kernel.of_model(parse_version(kernel), model, flavour)


def _model(text: str | None) -> Preemption | None:
    if text is None:
        return None
    try:
        return Preemption(text)
    except ValueError:
        raise ScenarioError(f"--preemption {text!r} is none of {', '.join(Preemption)}") from None


def _rcu(text: str | None) -> bool | None:
    if text not in (None, "preemptible", "non-preemptible"):
        raise ScenarioError(f"--rcu {text!r} is neither preemptible nor non-preemptible")
    return None if text is None else text == "preemptible"


def _names(given: Sequence[str] | None) -> tuple[str, ...]:
    return tuple(name for names in given or () for name in names.split(","))


def _contexts(given: Sequence[str] | None) -> dict[str, Level]:
    return {name: _level(level) for name, level in _named(given, "--context", "PROG=LEVEL")}


def _level(text: str) -> Level:
    found = {str(level): level for level in Level}
    if text not in found:
        raise ScenarioError(f"--context {text!r} is none of {', '.join(found)}")
    return found[text]


def _named(given: Sequence[str] | None, option: str, form: str) -> list[tuple[str, str]]:
    found = []
    for text in given or ():
        name, sign, value = text.partition("=")
        if not (name and sign and value):
            raise ScenarioError(f"{option} {text!r} is not of the form {form}")
        found.append((name, value))
    return found


def _two(text: str) -> tuple[str, str]:
    names = text.split(",")
    if len(names) != 2:
        raise ScenarioError(f"--not-together {text!r} does not name two programs, like A,B")
    return names[0], names[1]
