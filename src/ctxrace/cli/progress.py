"""Tell on a terminal how far a search is; say nothing in a pipe."""

import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from ctxrace.explore.search import Progress

__all__ = ["searching"]


@contextmanager
def searching(what: str) -> Iterator[Progress | None]:
    """Show states, rate and memory while the block runs, if standard error is a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    with Console(stderr=True).status(f"{what} ...") as status:

        def progress(states: int, seconds: float) -> None:
            rate = states / seconds if seconds else 0
            status.update(f"{what}: {states:,} states, {rate:,.0f} a second, {_megabytes():,} MB; Ctrl-C to stop")

        yield progress


def _megabytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // (1024 * 1024 if sys.platform == "darwin" else 1024)
