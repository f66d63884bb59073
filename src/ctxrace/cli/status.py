"""What a command says besides its report: its exit status, and words on standard error."""

import os
import sys
from enum import IntEnum

from ctxrace.core.verdict import Outcome
from ctxrace.report.layout import printable

__all__ = ["EPILOG", "MEANINGS", "Status", "say", "status_of"]


class Status(IntEnum):
    """How a command ends."""

    HOLDS = 0
    VIOLATED = 1
    BAD_INPUT = 2
    INCOMPLETE = 3
    UNREACHABLE = 4
    INTERNAL = 70  # as EX_SOFTWARE in sysexits.h
    NO_MEMORY = 71  # as EX_OSERR
    NOT_WRITTEN = 74  # as EX_IOERR
    INTERRUPTED = 130  # as a shell reports SIGINT
    NOT_READ = 141  # and SIGPIPE


MEANINGS = {
    Status.HOLDS: "everything holds; of a claim: confirmed",
    Status.VIOLATED: "something is violated; of a claim: impossible, but its outcome is reachable",
    Status.BAD_INPUT: "the input is bad",
    Status.INCOMPLETE: "incomplete: a limit was reached, or the proof is empty",
    Status.UNREACHABLE: "of a claim: impossible, and its outcome is unreachable",
    Status.INTERNAL: "an internal error",
    Status.NO_MEMORY: "out of memory",
    Status.NOT_WRITTEN: "the report cannot be written",
    Status.INTERRUPTED: "interrupted before anything was known",
    Status.NOT_READ: "nobody reads the report",
}

EPILOG = "\b\nExit status:\n" + "\n".join(f"  {status.value:3}  {meaning}" for status, meaning in MEANINGS.items())
"""What ``--help`` ends with. The first character keeps the lines as they are."""

_OF_OUTCOME = {
    Outcome.HOLDS: Status.HOLDS,
    Outcome.VIOLATED: Status.VIOLATED,
    Outcome.INCOMPLETE: Status.INCOMPLETE,
}


def status_of(outcome: Outcome) -> Status:
    """Return the exit status that a verdict calls for."""
    return _OF_OUTCOME[outcome]


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
