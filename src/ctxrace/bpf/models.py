"""The same guards on every kernel: preemption model, RCU flavour, number of CPUs; for programs that sleep or do not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ctxrace.bpf.caller import Caller
from ctxrace.bpf.guards.case import Case
from ctxrace.bpf.guards.known import guard_path
from ctxrace.core.verdict import Result
from ctxrace.explore.search import Limits
from ctxrace.kernel.change import ScenarioChange
from ctxrace.kernel.program import Build
from ctxrace.kernel.rules.preemption import Preemption, Rcu

__all__ = ["DEFAULT_GUARDS", "UNPINNED", "Place", "cells", "model_cases"]

DEFAULT_GUARDS = ("generic-lse", "arm64-v1", "arm64-merged")
"""The guard before the thread, as first proposed, and as merged."""

UNPINNED = "BPF_NO_MIGRATE_DISABLE"


@dataclass(frozen=True)
class Place:
    """Where attempts are made: a part of the table.

    title: what it is called. cpus: how many, None for one. pinned: whether enter calls migrate_disable().
    columns: the preemption model, the tasks (None: two) and the interrupts of each column, with what it is called.
    sleepable: whether programs that sleep are there, too.
    """

    title: str
    cpus: int | None
    pinned: bool
    columns: tuple[tuple[str, Preemption, int | None, tuple[str, ...]], ...]
    sleepable: bool = True


_MODELS = tuple((str(model), model, None, ()) for model in Preemption)
PLACES = (
    Place("1 CPU", None, True, _MODELS),
    Place(
        "1 CPU, with an interrupt; rt: 1 task and a softirq, which is a task there", None, True,
        (
            ("rt, softirq", Preemption.RT, 1, ("softirq",)),
            ("none, nmi", Preemption.NONE, None, ("nmi",)),
            ("full, nmi", Preemption.FULL, None, ("nmi",)),
        ),
        sleepable=False,
    ),
    Place("2 CPUs", 2, True, _MODELS),
    Place("2 CPUs, and enter lacks migrate_disable()", 2, False, _MODELS),
)  # fmt: skip

Keys = dict[Case, tuple[Place, tuple[str, str], str]]


def model_cases(guards: Sequence[str] = (), *, build: Build | None = None, limits: Limits | None = None) -> Keys:
    """Return a case for each cell, with its part of the table, its row and its column.

    PREEMPT_RT has preemptible RCU only, so that there is no cell for rt without it. Raises `ScenarioError` for a guard
    that arm64 does not have.
    """
    found: Keys = {}
    for guard in guards:
        guard_path(guard)
    for place in PLACES:
        for guard in dict.fromkeys(guards or DEFAULT_GUARDS):
            for sleepable in (False, True) if place.sleepable else (False,):
                for rcu in Rcu:
                    row = (guard, f"{'sleepable' if sleepable else 'non-sleepable'}, {rcu}")
                    for column, model, tasks, interrupts in place.columns:
                        if model is Preemption.RT and rcu is not Rcu.PREEMPTIBLE:
                            continue
                        defines = () if place.pinned else (UNPINNED,)
                        caller = Caller("fentry", 1, sleepable, rcu, None if sleepable else interrupts, defines)
                        change = ScenarioChange.of(preemption=model, tasks=tasks, cpus=place.cpus)
                        case = Case(guard, change, caller, build or Build(), limits or Limits())
                        found[case] = (place, row, column)
    return found


def cells(keys: Keys, results: Sequence[Result]) -> Mapping[str, Mapping[tuple[tuple[str, str], str], Result | None]]:
    """Return the results by part of the table, row and column; None of a case that has none, as Ctrl-C came before."""
    by_command = {result.command: result for result in results}
    parts: dict[str, dict[tuple[tuple[str, str], str], Result | None]] = {}
    for case, (place, row, column) in keys.items():
        parts.setdefault(place.title, {})[row, column] = by_command.get(case.command)
    return parts
