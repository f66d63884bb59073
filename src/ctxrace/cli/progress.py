"""Tell on a terminal how far a search is; say nothing in a pipe."""

import multiprocessing
import os
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from ctxrace.core.facts.forecast import Forecast
from ctxrace.explore.processes import Amount
from ctxrace.report.sentences.stop import forecast_phrase

if TYPE_CHECKING:
    from rich.status import Status

__all__ = ["Display", "searching"]

_ENOUGH = 0.25  # of the things, to say what the others may take


class Display:
    """What a terminal shows of a search: states, rate, memory, and how many states are to be expected; or of many."""

    def __init__(self, what: str, status: "Status") -> None:
        self._what, self._status, self._expected = what, status, ""
        self._begun = self._look = monotonic()
        self._megabytes = 0

    def __call__(self, states: int, seconds: float) -> None:
        """Show that so many states were visited in so many seconds."""
        rate = states / seconds if seconds else 0
        text = f"{self._what}: {states:,} states, {rate:,.0f} a second, {_megabytes():,} MB; Ctrl-C to stop"
        self._status.update(f"{text}{self._expected}")

    def done(self, amount: Amount) -> None:
        """Show how many of several things are done and running, what they took so far, and what the others may take.

        The estimate takes the others to be like those that are done. It is none before a quarter of them is done, as
        some take a thousand times as long as others.
        """
        seconds = monotonic() - self._begun
        parts = [f"{amount.done:,} of {amount.of:,} done", f"{amount.running:,} running"]
        parts += [f"over {amount.states:,} states"] if amount.states else []
        parts += [f"{self._memory():,} MB", f"{seconds:,.0f} s"]
        if amount.of > amount.done >= amount.of * _ENOUGH:
            rest = seconds / amount.done * (amount.of - amount.done)
            parts.append(f"about {rest:,.0f} s more if the others are alike")
        self._status.update(f"{self._what}: {', '.join(parts)}; Ctrl-C to stop")

    def _memory(self) -> int:
        if monotonic() >= self._look:
            self._look, self._megabytes = monotonic() + 1, _megabytes_of_all()
        return self._megabytes

    def expect(self, forecast: Forecast) -> None:
        """Show from now on how many states there may be."""
        self._expected = f" ({forecast_phrase(forecast)})"
        self._status.update(f"{self._what} ...{self._expected}")


@contextmanager
def searching(what: str) -> Iterator[Display | None]:
    """Show how far the search is while the block runs, if standard error is a terminal."""
    if not on_a_terminal():
        yield None
        return
    from rich.console import Console  # takes a while, and in a pipe it is not needed

    with Console(stderr=True).status(f"{what} ...") as status:
        yield Display(what, status)


def on_a_terminal() -> bool:
    """Return whether somebody looks at standard error."""
    return sys.stderr.isatty()


def _megabytes_of_all() -> int:
    """Return the memory of this process and of those that search for it; what they share counts once."""
    shares = [_share(process.pid) for process in multiprocessing.active_children()]
    mine = _share(os.getpid())
    return _megabytes() if mine is None else sum(filter(None, [mine, *shares])) >> 10


def _share(pid: int | None) -> int | None:
    """Return how many KB of memory are a process's own, with its part of what it shares; None if nobody tells."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), None)


def _megabytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // (1024 * 1024 if sys.platform == "darwin" else 1024)
