"""BPF's recursion guards, one C file each, and the table of what holds for which."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby, product
from pathlib import Path

from ctxrace.bpf.caller import ALONE, Caller
from ctxrace.bpf.processes import Stop, each
from ctxrace.core.errors import ScenarioError
from ctxrace.core.verdict import Outcome, Result
from ctxrace.explore.search import Limits, Progress
from ctxrace.kernel.check import check
from ctxrace.kernel.override import override, select
from ctxrace.kernel.program import Program, configuration, fits_together, load
from ctxrace.kernel.rules.preemption import Preemption
from ctxrace.kernel.scenario import Scenario
from ctxrace.machine.arch import architecture

__all__ = ["BEYOND", "GUARDS", "GUARDS_OF", "Case", "cases", "guard_path", "is_guard", "load_guard", "run"]

GUARDS = ("generic-lse", "generic-llsc", "arm64-v1", "arm64-merged", "no-exit", "plain-int", "early-return")
"""The guards in the order of their history in the thread; the last two are older than it."""

GUARDS_OF = {
    "arm64": GUARDS,
    "arm64-be": GUARDS,
    "riscv64": (
        *("generic-irqsave", "generic-amo", "generic-lrsc"),
        *(guard for guard in GUARDS if not guard.startswith("generic-")),
    ),
    # The counter is one instruction, so there is only one way to make it; the plain bytes of arm64 are portable C.
    "x86-64": ("generic", *(guard for guard in GUARDS if not guard.startswith("generic-"))),
}
"""For each architecture the guards that exist on it, and are in its table."""

BEYOND = ("generic-byte",)
"""Guards that are on every architecture, and checked only where they are named: few tasks show nothing new of them."""


MODELS = (str(Preemption.NONE), str(Preemption.FULL))
"""The preemption models of the table; the others are one of these as far as guards are concerned, or rt."""


@dataclass(frozen=True)
class Case:
    """One cell row of the table: a guard under a preemption model, compiled in one way.

    properties: kinds to decide, empty for all. attempts: None for what the guard's file declares.
    caller: who calls the guard. fifo_tasks: how many tasks of the highest real-time priority there are besides.
    entry_window: whether interrupts also call the guard where the preempt count does not tell of them.
    """

    guard: str
    preemption: str
    tasks: int = 2
    properties: tuple[str, ...] = ()
    cc: str | None = None
    optimize: str | None = None
    attempts: str | None = None
    limits: Limits = field(default_factory=Limits)
    arch: str = "arm64"
    caller: Caller = ALONE
    cpus: int = 1
    entry_window: bool = False
    fifo_tasks: int = 0

    @property
    def label(self) -> str:
        """What the case is called in a table."""
        return f"{self.guard} {self.caller}".rstrip()

    @property
    def command(self) -> str:
        """What to type to see this case alone."""
        return f"ctxrace bpf --guard {self.guard} {self._options}"

    @property
    def replay(self) -> str:
        """What to type to replay a schedule of this case, but for the schedule."""
        return f"ctxrace replay {self.guard} {self._options}"

    @property
    def _options(self) -> str:
        words = ["--preemption", self.preemption]
        words += ["--arch", self.arch] if self.arch != "arm64" else []
        words += self.caller.options
        words += [word for name in self.properties for word in ("--property", name)]
        words += ["--tasks", str(self.tasks)] if self.tasks != 2 else []
        words += ["--fifo-tasks", str(self.fifo_tasks)] if self.fifo_tasks else []
        words += ["--cpus", str(self.cpus)] if self.cpus != 1 else []
        words += ["--entry-window"] if self.entry_window else []
        words += ["--attempts", self.attempts] if self.attempts else []
        words += ["--cc", self.cc] if self.cc else []
        words += [self.optimize] if self.optimize else []
        return shlex.join(words)

    def load(self) -> tuple[Program, Scenario]:
        """Compile the guard with its caller, and return the program and what is to be decided of it."""
        fits_together(self.preemption, self.caller.rcu)
        flags = configuration(preemption=self.preemption, cpus=str(self.cpus))
        program = load_guard(self.guard, self.arch, self.caller, cc=self.cc, optimize=self.optimize, flags=flags)
        scenario = override(
            program.scenario,
            tasks=[str(self.tasks)],
            fifo_tasks=[str(self.fifo_tasks)] if self.fifo_tasks else (),
            cpus=str(self.cpus),
            preemption=self.preemption,
            attempts=self.attempts,
            entry_window=self.entry_window,
        )
        return program, select(scenario, self.properties)

    def check(self, progress: Progress | None = None) -> Result:
        """Compile the guard with its caller, and decide it."""
        return self.decide(*self.load(), progress)

    def decide(self, program: Program, scenario: Scenario, progress: Progress | None = None) -> Result:
        """Decide what `load` returned."""
        limits, command, replay = self.limits, self.command, self.replay
        result = check(program, scenario, limits=limits, progress=progress, command=command, replay=replay)
        return replace(result, case=self.label, notes=(*self.caller.notes, *result.notes))


def load_guard(
    guard: str,
    arch: str = "arm64",
    caller: Caller = ALONE,
    *,
    cc: str | None = None,
    optimize: str | None = None,
    flags: Sequence[str] = (),
) -> Program:
    """Compile a guard with whoever calls it; the program's scenario has the interrupts that reach it.

    cc, optimize, flags: as for `ctxrace.kernel.program.load`. Raises `ScenarioError`, with what exists, for what does
    not fit together.
    """
    path = guard_path(guard, arch)
    caller.check(arch)
    flags, more = [*caller.flags(guard), *flags], caller.sources(arch)
    program = load(path, arch=arch, cc=cc, optimize=optimize, flags=flags, more=more)
    return replace(program, scenario=caller.scenario(program.scenario))


def guard_path(guard: str, arch: str = "arm64") -> Path:
    """Return the C file of `guard`; raise `ScenarioError` that lists the guards of `arch` where there is none."""
    known = (*GUARDS_OF[architecture(arch).name], *BEYOND)
    if guard not in known:
        on = f" on {arch}" if is_guard(guard) else ""
        raise ScenarioError(f"no guard {guard!r}{on}; ctxrace has: {', '.join(known)}")
    return Path(__file__).parent / "guards" / f"{guard}.c"


def is_guard(name: str) -> bool:
    """Return whether `name` is a guard's on any architecture."""
    return name in BEYOND or any(name in guards for guards in GUARDS_OF.values())


def cases(
    guards: Sequence[str] = (),
    preemptions: Sequence[str] = (),
    *,
    tasks: int = 2,
    properties: Sequence[str] = (),
    cc: str | None = None,
    optimize: str | None = None,
    attempts: str | None = None,
    limits: Limits | None = None,
    arch: str = "arm64",
    callers: Sequence[Caller] = (ALONE,),
    cpus: int = 1,
    entry_window: bool = False,
    fifo_tasks: int = 0,
) -> list[Case]:
    """Return the cases of every guard under every preemption model, or of those given, with each of `callers`.

    Raises `ScenarioError` for an architecture or a preemption model that does not exist, or what is not on it.
    """
    known = GUARDS_OF[architecture(arch).name]
    for guard in guards:
        guard_path(guard, arch)
    for caller in callers:
        caller.check(arch)
    models = [str(Preemption(name)) for name in preemptions] if _known(preemptions) else list(MODELS)
    for caller, model in product(callers, models):
        fits_together(model, caller.rcu)
    limits = limits or Limits()
    return [
        Case(guard, model, tasks, tuple(properties), cc, optimize, attempts, limits, arch, caller, cpus, entry_window,
             fifo_tasks)
        for guard in dict.fromkeys(guards or known)
        for caller in dict.fromkeys(callers)
        for model in dict.fromkeys(models)
    ]  # fmt: skip


def run(wanted: Sequence[Case], jobs: int) -> list[Result]:
    """Return the results of the cases in their order, checking `jobs` at a time in processes of their own.

    Ctrl-C ends the searches that run, as incomplete, and begins no others: cases without a result were not searched.
    """
    if jobs == 1:
        groups = [list(wanted)]
    else:
        # Guards may compile to the same code, so those with the same caller go to the same process.
        alone = [str(number) if case.caller == ALONE else "" for number, case in enumerate(wanted)]
        keyed = [((case.arch, case.caller, case.preemption, number), case)
                 for case, number in zip(wanted, alone, strict=True)]  # fmt: skip
        groups = [[case for _, case in group] for _, group in groupby(keyed, lambda pair: pair[0])]
    return [result for results in each(_check_all, groups, jobs) for result in results or ()]


def _check_all(wanted: Sequence[Case], stop: Stop) -> list[Result]:
    """Check the cases one after another, up to Ctrl-C; what is the same machine code, and holds, is searched once."""
    known: dict[tuple[object, ...], Result] = {}
    results: list[Result] = []
    try:
        for case in wanted:
            stop.check()
            program, scenario = case.load()
            loaded = tuple((s.address, s.data) for s in program.image.sections)
            key = (loaded, scenario, case.limits, case.arch, program.compiler)
            result = known.get(key) or case.decide(program, scenario, stop)
            if result.outcome is Outcome.HOLDS:  # an interleaving names the guard's own lines
                known[key] = result
            results.append(replace(result, case=case.label, command=case.command, replay=case.replay))
    except KeyboardInterrupt:
        pass  # what was found until then is as true as before
    return results


def _known(preemptions: Sequence[str]) -> bool:
    for name in preemptions:
        if name not in list(Preemption):
            raise ScenarioError(f"no preemption model {name!r}; ctxrace has: {', '.join(Preemption)}")
    return bool(preemptions)
