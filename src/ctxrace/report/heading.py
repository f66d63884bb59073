"""What reports of several kinds have in common: the scenario, how many results there are, the rows of a table."""

from collections.abc import Iterable, Sequence

from ctxrace.core.claim import ClaimResult
from ctxrace.core.verdict import Outcome, Result

__all__ = ["scenario_of", "tally", "under_one_head"]


def scenario_of(result: Result | ClaimResult) -> str:
    """Say what was explored: machine code, preemption model, tasks and interrupts."""
    tasks = f"{result.tasks} task{'' if result.tasks == 1 else 's'}"
    interrupts = f"interrupts: {', '.join(result.interrupts)}" if result.interrupts else "no interrupts"
    return f"{result.arch}, {result.compiler}, preemption {result.preemption}, {tasks}, {interrupts}"


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
