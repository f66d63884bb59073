"""Which lines some interleaving executed, as gcov shows it."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from ctxrace.core.source import Coverage, Line
from ctxrace.report.layout import clean, cut

__all__ = ["coverage_listing", "never_executed"]

_NEVER = "#####"


def coverage_listing(coverage: Coverage, width: int) -> Iterator[str]:
    """Yield each file's lines, with the number of different steps that executed each; none is longer than `width`."""
    yield "coverage: how many different steps of single contexts executed each line" + (
        "" if coverage.complete else "; the search did not see all states"
    )
    for file, lines in groupby(coverage.lines, key=lambda line: line.source.file):
        yield ""
        yield cut(f"{clean(file)}:", width)
        for line in lines:
            steps = str(line.steps) if line.steps else _NEVER
            yield cut(f"{steps:>9}  {line.source.line:>5}  {clean(line.source.text)}", width)


def never_executed(coverage: Coverage) -> str:
    """Say which lines no interleaving executes; nothing where there are none, or not all is known."""
    files = groupby(coverage.never, key=lambda line: line.source.file)
    named = "; ".join(f"{file.rpartition('/')[2]}:{_ranges(list(lines))}" for file, lines in files)
    return f"coverage: no interleaving executes {clean(named)}" if named else ""


def _ranges(lines: Sequence[Line]) -> str:
    numbers = sorted({line.source.line for line in lines})
    groups: list[list[int]] = []
    for number in numbers:
        if groups and number == groups[-1][-1] + 1:
            groups[-1].append(number)
        else:
            groups.append([number])
    return ", ".join(str(group[0]) if len(group) == 1 else f"{group[0]}-{group[-1]}" for group in groups)
