"""Tell on a terminal how far a search is; say nothing in a pipe."""

import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from rich.console import Console
from rich.status import Status

from ctxrace.core.facts.forecast import Forecast
from ctxrace.report.sentences.stop import forecast_phrase

__all__ = ["Display", "searching"]


class Display:
    """What a terminal shows of a search: states, rate, memory, and how many states are to be expected; or of many."""

    def __init__(self, what: str, status: Status) -> None:
        self._what, self._status, self._expected = what, status, ""
        self._begun = monotonic()

    def __call__(self, states: int, seconds: float) -> None:
        """Show that so many states were visited in so many seconds."""
        rate = states / seconds if seconds else 0
        text = f"{self._what}: {states:,} states, {rate:,.0f} a second, {_megabytes():,} MB; Ctrl-C to stop"
        self._status.update(f"{text}{self._expected}")

    def done(self, things: int) -> None:
        """Show how many of several things are done, and since when they are being worked at.

        There is no estimate: some take a thousand times as long as others.
        """
        self._status.update(f"{self._what}: {things:,} done in {monotonic() - self._begun:,.0f} s; Ctrl-C to stop")

    def expect(self, forecast: Forecast) -> None:
        """Show from now on how many states there may be."""
        self._expected = f" ({forecast_phrase(forecast)})"
        self._status.update(f"{self._what} ...{self._expected}")


@contextmanager
def searching(what: str) -> Iterator[Display | None]:
    """Show how far the search is while the block runs, if standard error is a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    with Console(stderr=True).status(f"{what} ...") as status:
        yield Display(what, status)


def _megabytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // (1024 * 1024 if sys.platform == "darwin" else 1024)
