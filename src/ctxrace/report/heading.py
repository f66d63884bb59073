"""What reports of several kinds have in common: the scenario, how many results there are, the rows of a table."""

from collections.abc import Iterable, Sequence

from ctxrace.core.setup import Setup
from ctxrace.core.verdict import Outcome, Result, Verdict

__all__ = ["interrupts_of", "rcu_of", "scenario_of", "tally", "tasks_of", "under_one_head", "verdict_words"]


def scenario_of(setup: Setup) -> str:
    """Return machine code, preemption model, RCU where it is not preemptible, tasks and interrupts."""
    parts = [setup.arch, setup.compiler, f"preemption {setup.preemption}"]
    parts += [rcu_of(setup)] if rcu_of(setup) else []
    return ", ".join([*parts, tasks_of(setup), interrupts_of(setup)])


def tasks_of(setup: Setup) -> str:
    """Return how many tasks there are, of which kind, on how many CPUs if there are several."""
    tasks = f"{setup.tasks} task{'' if setup.tasks == 1 else 's'}"
    fifo = f" ({setup.fifo_tasks} of them FIFO)" if setup.fifo_tasks else ""
    return tasks + fifo + (f" on {setup.cpus} CPUs" if setup.cpus > 1 else "")


def interrupts_of(setup: Setup) -> str:
    """Return which interrupts there are."""
    if not setup.interrupts:
        return "no interrupts"
    early = setup.entry_window
    return f"interrupts{' with the entry window' if early else ''}: {', '.join(setup.interrupts)}"


def rcu_of(setup: Setup) -> str:
    """Return which flavour of RCU there is; empty: the usual one."""
    return "" if setup.rcu == "preemptible" else f"RCU {setup.rcu}"


def verdict_words(verdict: Verdict) -> str:
    """Return the answer: `holds`, with what it takes for granted, `violated` or `incomplete`."""
    if verdict.outcome is Outcome.HOLDS and verdict.sequential:
        return "holds if memory is sequentially consistent"
    return str(verdict.outcome)


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
