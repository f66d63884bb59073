"""Print reports, and turn verdicts into an exit status."""

import os
import resource
import shutil
import sys
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from rich.console import Console

from ctxrace.cli.status import Status, say, status_of
from ctxrace.core.errors import OutputError, ScenarioError
from ctxrace.core.facts.stop import Interrupted, Stop
from ctxrace.core.interleaving import Interleaving
from ctxrace.core.verdict import Outcome, Result, worst
from ctxrace.machine.build.replacing import replace_file
from ctxrace.report.coverage import coverage_listing
from ctxrace.report.formats.format import Format
from ctxrace.report.json import to_json
from ctxrace.report.layout import wrap
from ctxrace.report.sentences.stop import stop_phrase
from ctxrace.report.text import NARROWEST, WIDTH, print_report, render_result

if TYPE_CHECKING:
    from ctxrace.core.suite.trial import Trial
    from ctxrace.report.page.parts import Page

__all__ = [
    "PLAIN",
    "Color",
    "Output",
    "deliver",
    "exit_status",
    "explain",
    "first_run",
    "print_result",
    "refuse_two_forms",
    "report_width",
    "results_as",
    "tests_as",
    "unfinished",
    "write",
    "write_pages",
]


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
    format: for machines, or text. file: where it is written instead of standard output; empty: it is not.
    html, svg: where a page, and a picture of the first interleaving, are written besides; empty: they are not.
    """

    json: bool = False
    quiet: bool = False
    verbose: bool = False
    color: Color = Color.AUTO
    format: Format = Format.TEXT
    file: str = ""
    html: str = ""
    svg: str = ""


PLAIN = Output()


def write(text: str, output: Output = PLAIN) -> None:
    """Print a report on standard output, in colour on a terminal; or write it to the file that `output` names."""
    if output.file:
        deliver(_answer(text) if output.quiet else text, output)
        return
    forced = {Color.AUTO: None, Color.ALWAYS: True, Color.NEVER: False}[output.color]
    plain = False if output.color is Color.ALWAYS else None
    console = Console(file=sys.stdout, highlight=False, force_terminal=forced, no_color=plain)
    print_report(_answer(text) if output.quiet else text, console)


def print_result(result: Result, output: Output, *, mail: bool = False, coverage: bool = False) -> None:
    """Print one result on standard output; mail: as text for a mail or a commit message.

    coverage: with the lines that were executed, in text.
    """
    refuse_two_forms(output, mail=mail)
    if output.json:
        deliver(to_json([result]), output)
    elif output.format is not Format.TEXT:
        deliver(results_as(output.format, [result]), output)
    elif mail:
        from ctxrace.report.mail import render_result_mail  # most of a small check is the start of Python

        write(render_result_mail(result), output)
    else:
        lines = ["", *coverage_listing(result.coverage, report_width())] if coverage and not output.quiet else []
        write(render_result(result, report_width()) + "".join(f"{line}\n" for line in lines), output)
    write_pages(output, lambda: _page([result]), first_run([result]))
    explain([result], output)


def refuse_two_forms(output: Output, *, mail: bool) -> None:
    """Raise `ScenarioError` where a report is to have two forms."""
    if mail and (output.json or output.format is not Format.TEXT):
        raise ScenarioError("--mail is a form of its own; leave out --json and --format")


def _page(results: Sequence[Result]) -> "Page":
    from ctxrace.report.page.results import page_of_results

    return page_of_results(results)


def write_pages(output: Output, page: "Callable[[], Page]", run: Interleaving | None) -> None:
    """Write the page and the picture that `output` asks for; run: what is drawn, None where there is nothing."""
    if output.html:
        from ctxrace.report.page.render import render_page  # takes a while, and few ask for it

        _deliver_to(Path(output.html), render_page(page(), _version()))
    if output.svg and run is None:
        say(f"ctxrace: there is no interleaving, so that nothing is drawn to {output.svg}\n")
    elif output.svg and run is not None:
        from ctxrace.report.page.svg import render_svg

        _deliver_to(Path(output.svg), render_svg(run))


def first_run(results: Sequence[Result]) -> Interleaving | None:
    """Return the first interleaving of `results`; None where nothing is violated."""
    verdicts = [verdict for result in results for verdict in result.verdicts]
    return next((verdict.interleaving for verdict in verdicts if verdict.interleaving is not None), None)


def results_as(
    format: Format, results: Sequence[Result], missing: Sequence[str] = (), ended: Stop | None = None
) -> str:
    """Return results in a format for machines.

    missing: what would show those that were not begun. ended: why they were not; None where none is missing.
    """
    from ctxrace.core.suite.trial import not_searched, trial_of  # few reports have a format, and it takes a while

    names = [result.case for result in results]
    if len(set(names)) < len(names):  # a guard in several scenarios
        names = [result.command for result in results]
    found = [trial_of(name, result) for name, result in zip(names, results, strict=True)]
    return tests_as(format, [*found, *(not_searched(name, stop_phrase(ended or Interrupted())) for name in missing)])


def tests_as(format: Format, found: "Sequence[Trial]") -> str:
    """Return what was tested in a format for machines."""
    from ctxrace.report.formats.render import render

    return render(format, found, _version())


def deliver(text: str, output: Output) -> None:
    """Write `text` to standard output, or to the file that `output` names: whole, or not at all.

    Raises `OutputError` if that cannot be; then the file is as it was.
    """
    if output.file:
        _deliver_to(Path(output.file), text)
    else:
        sys.stdout.write(text)


def _deliver_to(path: Path, text: str) -> None:
    try:
        if path.exists() and not path.is_file():  # a terminal, a pipe: nothing in it can be destroyed
            path.write_text(text, encoding="utf-8", errors="backslashreplace")
        else:
            replace_file(Path(os.path.realpath(path)), text.encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise OutputError(f"cannot write the report to {path}: {error.strerror}; what was there is as it was") from None


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
            say(f"ctxrace: {what}\n")
    users = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    largest = max(resource.getrusage(who).ru_maxrss for who in users) * (1 if sys.platform == "darwin" else 1024)
    say(f"ctxrace: the largest process took {largest >> 20:,} MiB\n")


def _answer(text: str) -> str:
    """Return the first line of a report, with those that continue it."""
    first, *rest = text.splitlines(keepends=True)
    more = next((number for number, line in enumerate(rest) if not line.startswith("    ")), len(rest))
    return "".join([first, *rest[:more]])


def unfinished(results: Sequence[Result], wanted: int, ended: Stop | None, names: Sequence[str] = ()) -> str:
    """Return how many cases of those `wanted` have no result, and what came before; nothing where all have one.

    ended: why they have none. names: what those are called that no table shows.
    """
    missing = wanted - len(results)
    if not missing:
        return ""
    why = stop_phrase(ended or Interrupted())
    text = f"incomplete: {why} before {missing} of {wanted} cases{': ' if names else ''}{', '.join(names)}"
    return "".join(f"{line}\n" for line in wrap(text, WIDTH, "    "))


def exit_status(results: Sequence[Result], wanted: int | None = None) -> Status:
    """Return what the worst of the results calls for; fewer of them than `wanted` are incomplete."""
    missing = [Outcome.INCOMPLETE] if wanted is not None and len(results) < wanted else []
    return status_of(worst([*(result.outcome for result in results), *missing]))


def _version() -> str:
    from importlib.metadata import version  # reads packages' mail headers, and takes its time to import

    return version("ctxrace")
