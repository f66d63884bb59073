"""What is wrong with the way in which a case ended. Nothing here depends on how fast the machine is, or how busy."""

import json
from xml.etree import ElementTree

from tests.fuzz.case import MEMORY, TIMEOUT, Case
from tests.fuzz.sandbox import Ending

__all__ = ["complaints"]

_STATUSES = (0, 1, 2, 3, 4)
"""Of the README's table those that an input may cause: no internal error, no lack of memory, nothing of the output."""

_TOLD = {"--help", "--version", "--schema"}

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
    said = ending.err
    if case.words[0] == "test":  # a suite goes on, and reports it
        said += ending.out + b"".join(data for name, data in ending.left.items() if case.writes(name))
    if ending.status == 2 and not said.strip():
        found.append("status 2 without a word on standard error")
    if case.has("--timeout", f"{TIMEOUT}") and ending.seconds > TIMEOUT + _GRACE + _START:
        found.append(f"{ending.seconds:.1f} s of processor time with --timeout {TIMEOUT}")
    if case.has("--max-memory", f"{MEMORY}M") and ending.peak > (MEMORY << 20) + _SLACK:
        found.append(f"{ending.peak >> 20} MiB with --max-memory {MEMORY}M")
    if left := [name for name in ending.left if not case.writes(name)]:
        found.append(f"left behind: {', '.join(left)}")
    found += [f"{name}: {wrong}" for name, data in ending.left.items() if (wrong := _of_file(data))]
    if "--json" in case.words and ending.out and not _TOLD & set(case.words):
        try:
            json.loads(ending.out)
        except ValueError as error:
            found.append(f"no JSON with --json: {error}")
    return found


def _of_file(data: bytes) -> str:
    """Return what is wrong with a file that a command wrote; nothing where all is well."""
    try:
        text = data.decode("utf-8")
        if text.startswith(("<?xml", "<svg")):
            ElementTree.fromstring(text)
        elif text.startswith("{"):
            json.loads(text)
    except (ValueError, ElementTree.ParseError) as error:
        return str(error)
    # A name or a source that became a part of the page; what is text there has &lt;.
    page = text.startswith(("<!doctype", "<?xml", "<svg"))  # a report in plain words may begin with the file's name
    return "a script of the input" if page and "<script>alert" in text else ""
