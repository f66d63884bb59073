"""BPF's recursion guards, one C file each, and the table of what holds for which."""

import shlex
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from ctxrace.core.errors import ScenarioError
from ctxrace.core.verdict import Result
from ctxrace.explore.search import Limits
from ctxrace.kernel.check import check
from ctxrace.kernel.context import Preemption
from ctxrace.kernel.override import override, select
from ctxrace.kernel.program import configuration, load
from ctxrace.machine.arch import architecture

__all__ = ["GUARDS", "GUARDS_OF", "Case", "cases", "guard_path", "run"]

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
"""For each architecture the guards that exist on it."""


MODELS = (str(Preemption.NONE), str(Preemption.FULL))
"""The preemption models of the table; the others are one of these as far as guards are concerned, or rt."""


@dataclass(frozen=True)
class Case:
    """One cell row of the table: a guard under a preemption model, compiled in one way.

    properties: kinds to decide, empty for all. attempts: None for what the guard's file declares.
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
        words += [word for name in self.properties for word in ("--property", name)]
        words += ["--tasks", str(self.tasks)] if self.tasks != 2 else []
        words += ["--attempts", self.attempts] if self.attempts else []
        words += ["--cc", self.cc] if self.cc else []
        words += [self.optimize] if self.optimize else []
        return shlex.join(words)

    def check(self) -> Result:
        """Compile the guard and decide it."""
        program = load(
            guard_path(self.guard, self.arch),
            arch=self.arch,
            cc=self.cc,
            optimize=self.optimize,
            flags=configuration(preemption=self.preemption),
        )
        scenario = override(
            program.scenario, tasks=[str(self.tasks)], preemption=self.preemption, attempts=self.attempts
        )
        wanted = select(scenario, self.properties)
        result = check(program, wanted, limits=self.limits, command=self.command, replay=self.replay)
        return replace(result, case=self.guard)


def guard_path(guard: str, arch: str = "arm64") -> Path:
    """Return the C file of `guard`; raise `ScenarioError` that lists the guards of `arch` where there is none."""
    known = GUARDS_OF[architecture(arch).name]
    if guard not in known:
        on = "" if all(guard not in guards for guards in GUARDS_OF.values()) else f" on {arch}"
        raise ScenarioError(f"no guard {guard!r}{on}; ctxrace has: {', '.join(known)}")
    return Path(__file__).parent / "guards" / f"{guard}.c"


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
) -> list[Case]:
    """Return the cases of every guard under every preemption model, or of those given.

    Raises `ScenarioError` for an architecture or a preemption model that does not exist, or a guard on it.
    """
    known = GUARDS_OF[architecture(arch).name]
    for guard in guards:
        guard_path(guard, arch)
    models = [str(Preemption(name)) for name in preemptions] if _known(preemptions) else list(MODELS)
    limits = limits or Limits()
    return [
        Case(guard, model, tasks, tuple(properties), cc, optimize, attempts, limits, arch)
        for guard in dict.fromkeys(guards or known)
        for model in dict.fromkeys(models)
    ]


def run(wanted: Sequence[Case], jobs: int) -> Iterator[Result]:
    """Check the cases in order, `jobs` at a time in processes of their own.

    Ctrl-C ends the searches that run, as incomplete, and begins no others.
    """
    if jobs == 1 or len(wanted) == 1:
        yield from map(Case.check, wanted)
        return
    with ProcessPoolExecutor(min(jobs, len(wanted))) as pool:
        futures: list[Future[Result]] = [pool.submit(case.check) for case in wanted]
        for future in futures:
            try:
                yield future.result()
            except KeyboardInterrupt:
                pool.shutdown(wait=False, cancel_futures=True)
                yield from (other.result() for other in futures if other.done() and not other.cancelled())
                return


def _known(preemptions: Sequence[str]) -> bool:
    for name in preemptions:
        if name not in list(Preemption):
            raise ScenarioError(f"no preemption model {name!r}; ctxrace has: {', '.join(Preemption)}")
    return bool(preemptions)
