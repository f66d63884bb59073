"""What tests of guards share: cases in one short call."""

from collections.abc import Sequence

from ctxrace.bpf.caller import ALONE, Caller
from ctxrace.bpf.guards import case as module
from ctxrace.bpf.guards.case import MODELS, Case
from ctxrace.explore.watch import Engine, Limits
from ctxrace.kernel.change import ScenarioChange
from ctxrace.kernel.program import Build
from ctxrace.kernel.rules.preemption import Preemption

__all__ = ["cases", "guard_case"]


def guard_case(
    guard: str,
    preemption: str,
    tasks: int | None = None,
    only: tuple[str, ...] | None = None,
    *,
    arch: str = "arm64",
    cc: str | None = None,
    optimize: str | None = None,
    caller: Caller = ALONE,
    attempts: str | None = None,
    cpus: int | None = None,
    entry_window: bool | None = None,
    fifo_tasks: int | None = None,
    engine: Engine = Engine.SUMMARIES,
) -> Case:
    """Return one case; only: the kinds of property to decide."""
    change = ScenarioChange.of(preemption=preemption, tasks=tasks, only=only, attempts=attempts, cpus=cpus,
                               entry_window=entry_window, fifo_tasks=fifo_tasks or None)  # fmt: skip
    return Case(guard, change, caller, Build(arch, cc, optimize), Limits(engine=engine))


def cases(
    guards: Sequence[str] = (),
    preemptions: Sequence[Preemption] = MODELS,
    *,
    tasks: int | None = None,
    arch: str = "arm64",
    cc: str | None = None,
    optimize: str | None = None,
    callers: Sequence[Caller] = (ALONE,),
) -> list[Case]:
    """Return the cases of a table."""
    build, change = Build(arch, cc, optimize), ScenarioChange.of(tasks=tasks)
    return module.cases(guards, preemptions, change, callers=callers, build=build)
