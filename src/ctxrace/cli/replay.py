"""``ctxrace replay``: run one schedule again, and tell its interleaving."""

import sys
from collections.abc import Iterator, Sequence
from typing import Annotated

import typer

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
from ctxrace.cli.output import write
from ctxrace.core.schedule import Schedule
from ctxrace.kernel.replay import replay as run_again
from ctxrace.report.text import render_interleaving

__all__ = ["replay", "without_limits"]

_LIMITS = ("--max-states", "--timeout")


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


def replay(
    file: Annotated[str, typer.Argument(metavar="FILE", help="as for check; or the name of a guard of ctxrace bpf")],
    schedule: Annotated[str, typer.Option("--schedule", metavar="TEXT", help="what a violation's report ends with")],
    flags: opt.Flags = None,
    trampoline: Trampolines = None,
    programs: Programs = None,
    sleepable: Sleepable = None,
    interrupts: Interrupts = None,
    define: Defines = None,
    tasks: opt.TaskOption = None,
    softirq: opt.Softirq = None,
    hardirq: opt.Hardirq = None,
    nmi: opt.Nmi = None,
    fifo_tasks: opt.FifoTasks = None,
    cpus: opt.Cpus = None,
    preemption: opt.PreemptionOption = None,
    rcu: opt.Rcu = None,
    entry_window: opt.EntryWindow = False,
    attempts: opt.Attempts = None,
    exclusive: opt.Exclusive = None,
    balanced: opt.Balanced = None,
    recovers: opt.Recovers = None,
    progress: opt.ProgressOption = None,
    wanted: opt.PropertyOption = None,
    arch: opt.Arch = "arm64",
    cc: opt.Cc = None,
    optimize: opt.Optimize = None,
) -> None:
    """Replay a schedule on the same machine code and scenario, and print its interleaving."""
    given = TrampolineOptions(trampoline, programs, sleepable, rcu, interrupts, define)
    program = load_program(file, given, arch, cc, optimize, flags, preemption, cpus)
    scenario = opt.scenario_of(
        program.scenario,
        exclusive=exclusive,
        balanced=balanced,
        recovers=recovers,
        progress=progress,
        wanted=wanted,
        tasks=tasks,
        softirq=softirq,
        hardirq=hardirq,
        nmi=nmi,
        cpus=cpus,
        preemption=preemption,
        attempts=attempts,
        fifo_tasks=fifo_tasks,
        entry_window=entry_window,
    )
    told, broken = run_again(program, Schedule.parse(schedule), scenario)
    sys.stdout.write(f"violated: {', '.join(map(str, broken))}\n\n" if broken else "nothing is violated\n\n")
    write(render_interleaving(told))
    raise typer.Exit(1 if broken else 0)
