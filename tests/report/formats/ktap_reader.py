"""A strict reader of KTAP, version 1, after Linux Documentation/dev-tools/ktap.rst: no unknown line is let through."""

import re
from dataclasses import dataclass, field

_RESULT = re.compile(
    r"(?P<result>ok|not ok) (?P<number>[1-9]\d*)(?: (?P<name>[^#]*?))?"
    r"(?: # (?:(?P<directive>SKIP|TODO|XFAIL|TIMEOUT|ERROR)\b ?)?(?P<data>.*))?"
)


@dataclass
class Case:
    ok: bool
    name: str
    directive: str | None
    data: str
    diagnostics: list[str]
    subtests: list["Case"] = field(default_factory=list)


def read_ktap(text: str) -> list[Case]:
    """Return the tests; raise ValueError for a line that no KTAP has there."""
    if not text.endswith("\n") or not text.isascii():
        raise ValueError("no line end, or no ASCII")
    lines = text.splitlines()
    tests = _tests(lines, "")
    if lines:
        raise ValueError(f"more lines: {lines[0]!r}")
    return tests


def _tests(lines: list[str], indent: str) -> list[Case]:
    if lines.pop(0) != f"{indent}KTAP version 1":
        raise ValueError("no version line")
    plan = re.fullmatch(rf"{indent}1\.\.(\d+)", lines.pop(0))
    if plan is None:
        raise ValueError("no plan")
    return [_test(lines, indent, number) for number in range(1, int(plan[1]) + 1)]


def _test(lines: list[str], indent: str, number: int) -> Case:
    subtests: list[Case] = []
    if lines[0] == f"{indent}  KTAP version 1":
        subtests = _tests(lines, indent + "  ")
    diagnostics = []
    while re.match(rf"{indent}#( |$)", lines[0]):
        diagnostics.append(lines.pop(0)[len(indent) + 2 :])
    line = lines.pop(0)
    found = _RESULT.fullmatch(line.removeprefix(indent)) if line.startswith(indent) else None
    if found is None or int(found["number"]) != number:
        raise ValueError(f"no result line for test {number}: {line!r}")
    ok = found["result"] == "ok"
    if ok and (found["directive"] in ("TIMEOUT", "ERROR") or not all(test.ok for test in subtests)):
        raise ValueError(f"it cannot be ok: {line!r}")
    return Case(ok, found["name"] or "", found["directive"], found["data"] or "", diagnostics, subtests)
