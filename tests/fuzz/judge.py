"""What is wrong with the way in which a case ended. Nothing here depends on how fast the machine is, or how busy."""

import json

from tests.fuzz.case import MEMORY, TIMEOUT, Case
from tests.fuzz.sandbox import Ending

__all__ = ["complaints"]

_STATUSES = (0, 1, 2, 3, 4)
"""Of the README's table those that an input may cause: no internal error, no lack of memory, nothing of the output."""

_GRACE = 1.0  # seconds of processor time beyond the limit
_START = 0.5  # seconds of processor time before a command reads its options
_SLACK = 100 << 20  # bytes: what was allocated between two looks


def complaints(case: Case, ending: Ending) -> list[str]:
    """Return what must not be of how `case` ended; nothing where all is well.

    Processor time is compared with the limit on elapsed time. It is never more, also where the machine is busy.
    """
    found = []
    if ending.status not in _STATUSES:
        found.append(f"exit status {ending.status}")
    for name, data in (("standard output", ending.out), ("standard error", ending.err)):
        text = data.decode(case.encoding, "surrogateescape")
        bad = sorted({c for c in text if not c.isprintable() and c not in "\n\t"})
        if bad:
            found.append(f"raw control characters on {name}: {bad}")
        if "Traceback (most recent call last)" in text:
            found.append(f"a traceback on {name}")
    if ending.status == 2 and not ending.err.strip():
        found.append("status 2 without a word on standard error")
    if "--timeout" in case.words and ending.seconds > TIMEOUT + _GRACE + _START:
        found.append(f"{ending.seconds:.1f} s of processor time with --timeout {TIMEOUT}")
    if "--max-memory" in case.words and ending.peak > (MEMORY << 20) + _SLACK:
        found.append(f"{ending.peak >> 20} MiB with --max-memory {MEMORY}M")
    if ending.left:
        found.append(f"left behind: {', '.join(ending.left)}")
    if "--json" in case.words and ending.out and "--help" not in case.words and "--version" not in case.words:
        try:
            json.loads(ending.out)
        except ValueError as error:
            found.append(f"no JSON with --json: {error}")
    return found
