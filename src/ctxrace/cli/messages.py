"""What is said on standard error, beside the report."""

import os
import sys

from ctxrace.report.layout import printable

__all__ = ["say"]


def say(text: str) -> None:
    """Write `text` on standard error, without what a terminal would obey.

    Where it cannot be written the command goes on: its report and its exit status do not depend on it.
    """
    try:
        sys.stderr.write(printable(text))
        sys.stderr.flush()
    except OSError:  # a full disk, or nobody who reads it; it would fail again at the end of the process
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stderr.fileno())
        os.close(null)
