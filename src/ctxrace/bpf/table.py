"""The whole system as one table: guard by architecture, trampoline, sleepable or not, and how many programs."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ctxrace.bpf.caller import Caller, trampolines_of
from ctxrace.bpf.guards.case import Case, cases
from ctxrace.bpf.guards.known import GUARDS_OF
from ctxrace.core.verdict import Result
from ctxrace.explore.search import Limits
from ctxrace.kernel.change import UNCHANGED, ScenarioChange
from ctxrace.kernel.program import Build
from ctxrace.kernel.rules.preemption import Preemption

__all__ = ["cells", "system_cases"]


def system_cases(
    archs: Sequence[str] = (),
    programs: Sequence[int] = (1,),
    change: ScenarioChange = UNCHANGED,
    *,
    build: Build | None = None,
    limits: Limits | None = None,
) -> list[Case]:
    """Return a case for each cell of the table: under full preemption, as what holds there holds under all models.

    archs: none for all that have trampolines; programs: how many are attached. build: its architecture counts for
    nothing. The cases of one trampoline follow one another.
    """
    found = []
    for arch in archs or GUARDS_OF:
        of_arch = replace(build or Build(), arch=arch)
        for trampoline in trampolines_of(arch):
            for sleepable in (False, True):
                for number in programs:
                    callers = [Caller(trampoline, number, sleepable)]
                    found += cases((), [Preemption.FULL], change, callers=callers, build=of_arch, limits=limits)
    return found


def cells(
    wanted: Sequence[Case], results: Sequence[Result]
) -> Mapping[tuple[tuple[str, str], tuple[str, str]], list[Result | None]]:
    """Return the results by row (guard, whether it sleeps) and column (architecture, trampoline).

    One program and two share a cell. None is of a case that has no result, as Ctrl-C came before.
    """
    found: dict[tuple[tuple[str, str], tuple[str, str]], list[Result | None]] = {}
    guards = list(dict.fromkeys(guard for guards in GUARDS_OF.values() for guard in guards))
    guards.sort(key=lambda guard: not guard.startswith("generic"))
    by_command = {result.command: result for result in results}
    for case in sorted(wanted, key=lambda case: (guards.index(case.guard), case.caller.sleepable)):
        row = (case.guard, "sleepable" if case.caller.sleepable else "")
        found.setdefault((row, (case.arch, case.caller.trampoline)), []).append(by_command.get(case.command))
    return found
