"""The options that say who calls a BPF guard, for the verbs that take one."""

from collections.abc import Sequence
from typing import Annotated, NamedTuple

import typer

from ctxrace.bpf.caller import CALLERS, Caller, trampolines_of
from ctxrace.bpf.guards import is_guard, load_guard
from ctxrace.cli import options as opt
from ctxrace.core.errors import ScenarioError
from ctxrace.kernel.program import Program, configuration
from ctxrace.kernel.scenario import RCU_FLAVOURS

__all__ = ["TrampolineOptions", "callers_of", "load_program"]

Trampolines = Annotated[
    list[str] | None,
    typer.Option("--trampoline", metavar="NAME", help=f"who calls the guard: {', '.join(CALLERS)}"),
]
Programs = Annotated[
    int | None,
    typer.Option("--programs", metavar="1|2", help="how many programs are attached, default: 1"),
]
Sleepable = Annotated[
    bool | None,
    typer.Option("--sleepable/--non-sleepable", help="the programs block in their middle"),
]
Interrupts = Annotated[
    str | None,
    typer.Option("--interrupts", metavar="LIST|none", help="whose handlers reach the guard: softirq,hardirq,nmi"),
]
Defines = Annotated[
    list[str] | None,
    typer.Option("-D", metavar="NAME", help="how the program is called besides; a wrong name lists them"),
]


class TrampolineOptions(NamedTuple):
    """What the user typed; None: nothing."""

    trampolines: Sequence[str] | None
    programs: int | None
    sleepable: bool | None
    rcu: str | None
    interrupts: str | None
    defines: Sequence[str] | None

    @property
    def any(self) -> bool:
        """Whether any of them was typed."""
        return any(value is not None and value != [] for value in self)


def callers_of(given: TrampolineOptions, arch: str) -> list[Caller]:
    """Return who is to call the guard, the guard alone where nothing was typed.

    Where only other options are given, they are about all trampolines of `arch`.
    """
    names = given.trampolines or ["bare"]
    beyond_bare = given._replace(interrupts=None, trampolines=None)
    if not given.trampolines and (beyond_bare.any and given.sleepable is not False):
        names = list(trampolines_of(arch))
        if not names:
            raise ScenarioError(f"there are no trampolines on {arch}; add --trampoline raw_tp, or leave out the option")
    return [_caller(name, given) for name in names]


def load_program(
    file: str,
    given: TrampolineOptions,
    arch: str,
    cc: str | None,
    optimize: str | None,
    flags: Sequence[str] | None,
    preemption: str | None,
    cpus: str | None,
) -> Program:
    """Load what `file` names: a guard with the one caller that was typed, or a file, which nobody calls."""
    if is_guard(file):
        if given.trampolines and len(given.trampolines) > 1:
            raise ScenarioError(f"a schedule is of one trampoline; got: {', '.join(given.trampolines)}")
        caller = _caller((given.trampolines or ["bare"])[0], given)
        wanted = [*configuration(preemption=preemption, cpus=cpus), *(flags or ())]
        return load_guard(file, arch, caller, cc=cc, optimize=opt.level_of(optimize), flags=wanted)
    if given._replace(rcu=None).any:
        raise ScenarioError(f"{file} is no guard of ctxrace bpf; leave out --trampoline and its like, which need one")
    configured = opt.ScenarioOptions(preemption=preemption, rcu=given.rcu, cpus=cpus)
    return opt.load_program(file, arch, cc, optimize, flags, given=configured)


def _caller(name: str, given: TrampolineOptions) -> Caller:
    interrupts = None
    if given.interrupts is not None:
        words = [word.strip() for word in given.interrupts.split(",")]
        interrupts = () if words == ["none"] else tuple(dict.fromkeys(words))
    return Caller(
        name,
        1 if given.programs is None else given.programs,
        bool(given.sleepable),
        RCU_FLAVOURS[0] if given.rcu is None else given.rcu,
        interrupts,
        tuple(given.defines or ()),
    )
