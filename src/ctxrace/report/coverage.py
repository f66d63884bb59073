"""Which lines and branches some interleaving executed, as gcov shows it."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from ctxrace.core.source import Branch, Coverage, Line
from ctxrace.report.layout import clean, cut

__all__ = ["NEVER", "coverage_listing", "never_executed", "never_taken", "ways_not_taken"]

NEVER = "#####"


def coverage_listing(coverage: Coverage, width: int) -> Iterator[str]:
    """Yield each file's lines, with the number of different steps that executed each; none is longer than `width`.

    Below a line that was executed stand the branches from it that were not taken.
    """
    ways = ways_not_taken(coverage)
    yield "coverage: how many different steps of single contexts executed each line" + (
        "" if coverage.complete else "; the search did not see all states"
    )
    for file, lines in groupby(coverage.lines, key=lambda line: line.source.file):
        yield ""
        yield cut(f"{clean(file)}:", width)
        for line in lines:
            steps = str(line.steps) if line.steps else NEVER
            yield cut(f"{steps:>9}  {line.source.line:>5}  {clean(line.source.text)}", width)
            for way in ways.get(line, ()):
                yield cut(f"{NEVER:>9}         {way}", width)


def never_executed(coverage: Coverage) -> str:
    """Say which lines no interleaving executes; nothing where there are none, or not all is known."""
    files = groupby(coverage.never, key=lambda line: line.source.file)
    named = "; ".join(f"{_short(file)}:{_ranges(list(lines))}" for file, lines in files)
    return f"coverage: no interleaving executes {clean(named)}" if named else ""


def never_taken(coverage: Coverage) -> str:
    """Say which branches no interleaving takes, but for those to lines of which `never_executed` says it already."""
    never = {line.source for line in coverage.never}
    found = [branch for branch in coverage.untaken if branch.to not in never]
    files = groupby(found, key=lambda branch: branch.source.file)
    named = "; ".join(f"{_short(file)}:{', '.join(map(_way, branches))}" for file, branches in files)
    return f"coverage: no interleaving branches from {clean(named)}" if named else ""


def ways_not_taken(coverage: Coverage) -> dict[Line, list[str]]:
    """Return of each line that was executed to where no branch from it was taken."""
    executed = {line.source: line for line in coverage.lines if line.steps}
    ways: dict[Line, list[str]] = {}
    for branch in coverage.branches:
        if not branch.steps and branch.source in executed:
            ways.setdefault(executed[branch.source], []).append(f"branch to {clean(_to(branch))}")
    return ways


def _way(branch: Branch) -> str:
    return f"{branch.source.line} to {_to(branch)}"


def _to(branch: Branch) -> str:
    other = "" if branch.to.file == branch.source.file else f"{_short(branch.to.file)}:"
    return f"{other}{branch.to.line}"


def _short(file: str) -> str:
    return file.rpartition("/")[2]


def _ranges(lines: Sequence[Line]) -> str:
    numbers = sorted({line.source.line for line in lines})
    groups: list[list[int]] = []
    for number in numbers:
        if groups and number == groups[-1][-1] + 1:
            groups[-1].append(number)
        else:
            groups.append([number])
    return ", ".join(str(group[0]) if len(group) == 1 else f"{group[0]}-{group[-1]}" for group in groups)
