"""Print reports, and turn verdicts into an exit status."""

import os
import resource
import shutil
import sys
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from rich.console import Console

from ctxrace.cli.status import Status, status_of
from ctxrace.core.verdict import Outcome, Result, worst
from ctxrace.report.json import to_json
from ctxrace.report.layout import printable, wrap
from ctxrace.report.mail import render_result_mail
from ctxrace.report.text import NARROWEST, WIDTH, print_report, render_result

__all__ = ["PLAIN", "Color", "Output", "exit_status", "explain", "print_result", "report_width", "unfinished", "write"]


_WIDEST = 200  # columns of a report
_DIGITS = 6


class Color(StrEnum):
    """When a report is printed in colour. On a terminal, NO_COLOR turns it off (https://no-color.org)."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


class Output(NamedTuple):
    """How a report is printed.

    quiet: only the answer, which is its first line. verbose: say on standard error what it took.
    """

    json: bool = False
    quiet: bool = False
    verbose: bool = False
    color: Color = Color.AUTO


PLAIN = Output()


def write(text: str, output: Output = PLAIN) -> None:
    """Print a report on standard output, in colour on a terminal."""
    forced = {Color.AUTO: None, Color.ALWAYS: True, Color.NEVER: False}[output.color]
    plain = False if output.color is Color.ALWAYS else None
    console = Console(file=sys.stdout, highlight=False, force_terminal=forced, no_color=plain)
    print_report(_answer(text) if output.quiet else text, console)


def print_result(result: Result, output: Output, *, mail: bool = False) -> None:
    """Print one result on standard output; mail: as text for a mail or a commit message."""
    if output.json:
        sys.stdout.write(to_json([result]))
    elif mail:
        sys.stdout.write(render_result_mail(result))
    else:
        write(render_result(result, report_width()), output)
    explain([result], output)


def report_width() -> int:
    """Return how many columns a report may use: COLUMNS, else those of the terminal, between 60 and 200."""
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal() and len(given) <= _DIGITS:
        wanted = int(given)
    elif sys.stdout.isatty():
        wanted = shutil.get_terminal_size((WIDTH, 0)).columns
    else:
        wanted = WIDTH
    return min(max(wanted, NARROWEST), _WIDEST)


def explain(results: Sequence[Result], output: Output) -> None:
    """Say on standard error what the searches took, where that is asked for."""
    if not output.verbose:
        return
    for result in results:
        for verdict in result.verdicts:
            rate = f", {verdict.states / verdict.seconds:,.0f} a second" if verdict.seconds else ""
            what = (
                f"{result.setup.case}: {verdict.property}: {verdict.states:,} states in {verdict.seconds:.2f} s{rate}"
            )
            print(f"ctxrace: {printable(what)}", file=sys.stderr)
    users = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    largest = max(resource.getrusage(who).ru_maxrss for who in users) * (1 if sys.platform == "darwin" else 1024)
    print(f"ctxrace: the largest process took {largest >> 20:,} MiB", file=sys.stderr)


def _answer(text: str) -> str:
    """Return the first line of a report, with those that continue it."""
    first, *rest = text.splitlines(keepends=True)
    more = next((number for number, line in enumerate(rest) if not line.startswith("    ")), len(rest))
    return "".join([first, *rest[:more]])


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
