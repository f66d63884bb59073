"""Print reports, and turn verdicts into an exit status."""

import sys
from collections.abc import Iterable

from rich.console import Console

from ctxrace.core.verdict import Outcome, Result
from ctxrace.report.text import print_report

__all__ = ["exit_status", "write"]

_STATUS = {Outcome.HOLDS: 0, Outcome.VIOLATED: 1, Outcome.INCOMPLETE: 3}


def write(text: str) -> None:
    """Print a report on standard output, in colour on a terminal."""
    print_report(text, Console(file=sys.stdout, highlight=False))


def exit_status(results: Iterable[Result]) -> int:
    """Return 1 if anything is violated, else 3 if anything is incomplete, else 0."""
    outcomes = {result.outcome for result in results}
    worst = next((o for o in (Outcome.VIOLATED, Outcome.INCOMPLETE) if o in outcomes), Outcome.HOLDS)
    return _STATUS[worst]
