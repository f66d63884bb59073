"""What to do about what a compiler says of a file that is new to ctxrace."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path

from ctxrace.core.errors import ToolchainError

__all__ = ["hinting"]

_MISSING = re.compile(r"(?:fatal error: |')((?:linux|asm|uapi|net|trace|drm|media|sound)/[\w./-]+\.h)\b")
_USED = re.compile(r"\bCTXRACE_[A-Z_]+\b(?=\s*\()")
_DEFINED = re.compile(r"^#define (CTXRACE_[A-Z_]+)\(", re.MULTILINE)


@contextmanager
def hinting(scenario_header: Path) -> Iterator[None]:
    """Add to a `ToolchainError` of the block what to do, where its cause is a header or a line that does not exist.

    scenario_header: where the lines of a scenario are defined.
    """
    try:
        yield
    except ToolchainError as error:
        hint = _hint(error.output, scenario_header)
        if type(error) is not ToolchainError or not hint:
            raise
        raise ToolchainError(*error.args, f"; {hint}", output=error.output) from None


def _hint(output: str, scenario_header: Path) -> str:
    missing = _MISSING.search(output)
    if missing:
        return (
            f"ctxrace has no <{missing[1]}>: leave the include out, and declare what you need of it yourself; "
            "docs/kernel-headers.md lists those that are there"
        )
    known = _DEFINED.findall(scenario_header.read_text(encoding="utf-8"))
    for used in dict.fromkeys(_USED.findall(output)):
        if used not in known and (like := get_close_matches(used, known, 1)):
            return f"there is no {used}; did you mean {like[0]}?"
    return ""
