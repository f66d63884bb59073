"""Options that several verbs share, and what they make of them."""

import os
import sys
from collections.abc import Callable, Sequence
from inspect import Parameter, Signature, signature
from typing import Annotated, Any, NamedTuple, get_type_hints

import typer

from ctxrace.core.errors import ScenarioError
from ctxrace.kernel.override import override, parse_property, select
from ctxrace.kernel.program import Program, configuration, load
from ctxrace.kernel.scenario import Scenario

__all__ = ["DEFAULT_JOBS", "DEFAULT_MAX_STATES", "UNCHANGED", "ScenarioOptions", "level_of", "load_program",
           "scenario_of", "with_scenario_options"]  # fmt: skip

DEFAULT_MAX_STATES = 3_000_000  # about 2 GB
DEFAULT_JOBS = os.cpu_count() or 1

File = Annotated[str, typer.Argument(metavar="FILE", help="a C file, an object file or a linked ELF executable")]
Flags = Annotated[list[str] | None, typer.Argument(metavar="[-- FLAG...]", help="more flags for the compiler")]
Cc = Annotated[
    str | None,
    typer.Option("--cc", metavar="COMMAND", help="the compiler, default: clang from pip"),
]
Optimize = Annotated[
    str | None,
    typer.Option("-O", metavar="LEVEL", help="0, 1, 2, 3, s, z or g, default: 2"),
]
Arch = Annotated[
    str,
    typer.Option("--arch", metavar="NAME", help="the architecture"),
]
TaskOption = Annotated[
    list[str] | None,
    typer.Option("--tasks", metavar="[N:]ENTRY|N", help="N tasks that run ENTRY"),
]
Softirq = Annotated[
    list[str] | None,
    typer.Option("--softirq", metavar="ENTRY|none", help="what a softirq runs"),
]
Hardirq = Annotated[
    list[str] | None,
    typer.Option("--hardirq", metavar="ENTRY|none", help="what a hard irq runs"),
]
Nmi = Annotated[
    list[str] | None,
    typer.Option("--nmi", metavar="ENTRY|none", help="what an NMI runs"),
]
Cpus = Annotated[
    str | None,
    typer.Option("--cpus", metavar="N", help="how many CPUs, between which tasks migrate; default: 1"),
]
FifoTasks = Annotated[
    list[str] | None,
    typer.Option("--fifo-tasks", metavar="[N:]ENTRY|N", help="the same, but no task preempts these"),
]
PreemptionOption = Annotated[
    str | None,
    typer.Option("--preemption", metavar="MODEL", help="none, voluntary, full, lazy or rt, default: full"),
]
Rcu = Annotated[
    str | None,
    typer.Option("--rcu", metavar="FLAVOUR", help="preemptible or non-preemptible, default: preemptible"),
]
EntryWindow = Annotated[
    bool,
    typer.Option("--entry-window", help="interrupts also run their entries before they are counted"),
]
Attempts = Annotated[
    str | None,
    typer.Option("--attempts", metavar="N|unlimited", help="how often each context begins its entry"),
]
Exclusive = Annotated[
    list[str] | None,
    typer.Option("--exclusive", metavar="BODY", help="BODY is never active twice"),
]
Balanced = Annotated[
    list[str] | None,
    typer.Option("--balanced", metavar="VARIABLE", help="idle: VARIABLE is as at the start"),
]
Recovers = Annotated[
    list[str] | None,
    typer.Option("--recovers", metavar="ENTRY,BODY", help="idle: one more ENTRY runs BODY"),
]
ProgressOption = Annotated[
    list[str] | None,
    typer.Option("--progress", metavar="ENTRY,BODY", help="between idle moments with an ENTRY, BODY ran"),
]
PropertyOption = Annotated[
    list[str] | None,
    typer.Option("--property", metavar="NAME", help="decide only this one, for example exclusive"),
]
MaxStates = Annotated[
    int,
    typer.Option("--max-states", min=1, metavar="N", help="stop after so many states"),
]
Timeout = Annotated[
    float | None,
    typer.Option("--timeout", min=0.0, metavar="SECONDS", help="stop after so long"),
]
Jobs = Annotated[
    int,
    typer.Option("--jobs", min=1, show_default=False, help="processes, default: one for each CPU"),
]
Json = Annotated[bool, typer.Option("--json", help="print ctxrace-result/1 instead of text")]


class ScenarioOptions(NamedTuple):
    """What the user typed of the scenario, for the verbs that `with_scenario_options` gives these options to."""

    tasks: TaskOption = None
    softirq: Softirq = None
    hardirq: Hardirq = None
    nmi: Nmi = None
    fifo_tasks: FifoTasks = None
    cpus: Cpus = None
    preemption: PreemptionOption = None
    rcu: Rcu = None
    entry_window: EntryWindow = False
    attempts: Attempts = None
    exclusive: Exclusive = None
    balanced: Balanced = None
    recovers: Recovers = None
    progress: ProgressOption = None
    wanted: PropertyOption = None


UNCHANGED = ScenarioOptions()
"""The scenario as it is declared."""


def with_scenario_options(verb: Callable[..., None]) -> Callable[..., None]:
    """Return `verb` with an option for each field of `ScenarioOptions` in the place of its parameter ``given``.

    Typer reads options off a function's signature, so that is what changes.
    """
    hints = get_type_hints(ScenarioOptions, include_extras=True)
    defaults = ScenarioOptions._field_defaults
    shared = [Parameter(name, Parameter.KEYWORD_ONLY, default=defaults[name], annotation=hints[name]) for name in hints]
    own = [one.replace(kind=Parameter.KEYWORD_ONLY) for one in signature(verb).parameters.values()]
    parameters = [one for each in own for one in (shared if each.name == "given" else [each])]

    def with_options(**words: Any) -> None:  # noqa: ANN401 - of each option its own type
        verb(given=ScenarioOptions(*(words.pop(name) for name in ScenarioOptions._fields)), **words)

    with_options.__doc__, with_options.__name__ = verb.__doc__, verb.__name__
    with_options.__annotations__ = {one.name: one.annotation for one in parameters}
    with_options.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    return with_options


def load_program(
    file: str,
    arch: str,
    cc: str | None,
    optimize: str | None,
    flags: Sequence[str] | None,
    *,
    given: ScenarioOptions = UNCHANGED,
) -> Program:
    """Compile and load `file`, and hand the compiler's own messages on to the user.

    given: of which preemption, rcu and cpus are for the headers.
    """
    level = level_of(optimize)
    configured = configuration(preemption=given.preemption, rcu=given.rcu, cpus=given.cpus)
    program = load(file, arch=arch, cc=cc, optimize=level, flags=[*configured, *(flags or ())])
    sys.stderr.write(program.messages)
    return program


def level_of(optimize: str | None) -> str | None:
    """Return the compiler's flag for the optimisation level that a user typed; raise `ScenarioError` for another."""
    if optimize is None:
        return None
    if optimize not in ("0", "1", "2", "3", "s", "z", "g"):
        raise ScenarioError(f"-O takes 0, 1, 2, 3, s, z or g, got {optimize!r}")
    return f"-O{optimize}"


def scenario_of(declared: Scenario, given: ScenarioOptions) -> Scenario:
    """Return the declared scenario with what the options say in its place."""
    kinds = ("exclusive", "balanced", "recovers", "progress")
    texts = {kind: getattr(given, kind) or () for kind in kinds}
    properties = [parse_property(kind, text) for kind in kinds for text in texts[kind]]
    changed = {
        name: value
        for name, value in given._asdict().items()
        if value is not None and name not in (*kinds, "wanted", "rcu")
    }
    return select(override(declared, properties=properties, **changed), given.wanted or ())
