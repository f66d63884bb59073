"""Print reports, and turn verdicts into an exit status."""

import sys
from collections.abc import Sequence

from rich.console import Console

from ctxrace.cli.status import Status, status_of
from ctxrace.core.verdict import Outcome, Result, worst
from ctxrace.report.json import to_json
from ctxrace.report.layout import wrap
from ctxrace.report.text import WIDTH, print_report, render_result

__all__ = ["exit_status", "print_result", "unfinished", "write"]


def write(text: str) -> None:
    """Print a report on standard output, in colour on a terminal."""
    print_report(text, Console(file=sys.stdout, highlight=False))


def print_result(result: Result, *, json: bool) -> None:
    """Print one result on standard output."""
    if json:
        sys.stdout.write(to_json([result]))
    else:
        write(render_result(result))


def unfinished(results: Sequence[Result], wanted: int, names: Sequence[str] = ()) -> str:
    """Return how many cases of those `wanted` have no result, as Ctrl-C came before; nothing where all have one.

    names: what those are called that no table shows.
    """
    missing = wanted - len(results)
    if not missing:
        return ""
    told = f"incomplete: interrupted before {missing} of {wanted} cases{': ' if names else ''}{', '.join(names)}"
    return "".join(f"{line}\n" for line in wrap(told, WIDTH, "    "))


def exit_status(results: Sequence[Result], wanted: int | None = None) -> Status:
    """Return what the worst of the results calls for; fewer of them than `wanted` are incomplete."""
    missing = [Outcome.INCOMPLETE] if wanted is not None and len(results) < wanted else []
    return status_of(worst([*(result.outcome for result in results), *missing]))
