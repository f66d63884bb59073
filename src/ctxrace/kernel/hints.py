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


_UNDECLARED = re.compile(r"(?:undeclared (?:function|identifier)|implicit declaration of function) ['‘](\w+)['’]")
_INLINED = "CTXRACE_BODY_MUST_BE_DEFINED_NOINLINE"


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
    if _INLINED in output:
        return (
            "the calls of a function that a property is about must stay calls: mark it noinline, as in static noinline "
            "void body(void)"
        )
    undeclared = _UNDECLARED.search(output)
    header = _declares(undeclared[1], scenario_header.parent.parent) if undeclared else ""
    if undeclared and header:
        return f"{undeclared[1]} is in <{header}>; include that"
    known = _DEFINED.findall(scenario_header.read_text(encoding="utf-8"))
    for used in dict.fromkeys(_USED.findall(output)):
        if used not in known and (like := get_close_matches(used, known, 1)):
            return f"there is no {used}; did you mean {like[0]}?"
    return ""


def _declares(name: str, include: Path) -> str:
    """Return the header below `include` that defines or declares `name`, as it is included; empty if none does."""
    declared = re.compile(rf"^(?:# *define {name}\b|[a-z][\w \t*]*[\s*]{name}\()", re.MULTILINE)
    for path in sorted(include.rglob("*.h")):
        if declared.search(path.read_text(encoding="utf-8")):
            return path.relative_to(include).as_posix()
    return ""
