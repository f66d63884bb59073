"""What reports of several kinds have in common: the scenario, how many results there are, the rows of a table."""

from collections.abc import Iterable, Sequence

from ctxrace.core.claim import ClaimResult
from ctxrace.core.verdict import Outcome, Result

__all__ = ["interrupts_of", "rcu_of", "scenario_of", "tally", "tasks_of", "under_one_head"]


def scenario_of(result: Result | ClaimResult) -> str:
    """Say what was explored: machine code, preemption model, RCU where it is not preemptible, tasks and interrupts."""
    told = [result.arch, result.compiler, f"preemption {result.preemption}"]
    told += [rcu_of(result)] if rcu_of(result) else []
    return ", ".join([*told, tasks_of(result), interrupts_of(result)])


def tasks_of(result: Result | ClaimResult) -> str:
    """Say how many tasks there are, of which kind, on how many CPUs if there are several."""
    told = f"{result.tasks} task{'' if result.tasks == 1 else 's'}"
    fifo = f" ({result.fifo_tasks} of them FIFO)" if result.fifo_tasks else ""
    return told + fifo + (f" on {result.cpus} CPUs" if isinstance(result, Result) and result.cpus > 1 else "")


def interrupts_of(result: Result | ClaimResult) -> str:
    """Say which interrupts there are."""
    if not result.interrupts:
        return "no interrupts"
    early = isinstance(result, Result) and result.entry_window
    return f"interrupts{' with the entry window' if early else ''}: {', '.join(result.interrupts)}"


def rcu_of(result: Result | ClaimResult) -> str:
    """Say which flavour of RCU there is; empty: the usual one."""
    return "" if result.rcu == "preemptible" else f"RCU {result.rcu}"


def tally(results: Sequence[Result | None]) -> str:
    """Say how many results there are of which kind; None is one that was to be found, and was not."""
    outcomes = [result.outcome if result else Outcome.INCOMPLETE for result in results]
    numbers = {outcome: outcomes.count(outcome) for outcome in Outcome}
    return ", ".join(f"{number} {outcome}" for outcome, number in numbers.items() if number)


def under_one_head(rows: Iterable[tuple[tuple[str, str], Sequence[str]]]) -> list[list[str]]:
    """Return the rows of a table, each called by two words, of which the first is written once for neighbours."""
    table, before = [], ""
    for (first, second), cells in rows:
        table.append([first if first != before else "", second, *cells])
        before = first
    return table
