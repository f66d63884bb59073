"""One system on many kernels: a table for each kind of machine, a column for each preemption model."""

from collections.abc import Iterator, Mapping, Sequence

from ctxrace.core.verdict import Outcome, Result
from ctxrace.report.grid import letter, violated_kinds
from ctxrace.report.heading import tally, under_one_head
from ctxrace.report.layout import columns, finish, wrap

__all__ = ["render_models"]

WIDTH = 100

Parts = Mapping[str, Mapping[tuple[tuple[str, str], str], Result]]


def render_models(parts: Parts, title: str, corner: tuple[str, str], remarks: Sequence[str] = ()) -> str:
    """Write the tables; the first line is the title and how many cells there are of which kind.

    parts: for each table its cells by row, of two words, and column. corner: what the words of a row are.
    remarks: what a reader must know besides.

    Returns the text, with a newline at its end; no line exceeds 100 columns.
    """
    return finish(_lines(parts, title, corner, remarks), WIDTH)


def _lines(parts: Parts, title: str, corner: tuple[str, str], remarks: Sequence[str]) -> Iterator[str]:
    results = [result for cells in parts.values() for result in cells.values()]
    yield from wrap(f"{title}: {tally(results)}", WIDTH, "    ")
    yield from wrap("; ".join(dict.fromkeys(f"{result.arch}, {result.compiler}" for result in results)), WIDTH, "    ")
    for name, cells in parts.items():
        yield ""
        across = list(dict.fromkeys(column for _, column in cells))
        rows = dict.fromkeys(row for row, _ in cells)
        body = under_one_head((row, [_cell(cells.get((row, column))) for column in across]) for row in rows)
        yield name
        yield from (f"  {line}" for line in columns([[*corner, *across], *body]))
    yield ""
    broken = violated_kinds(results)
    if broken:
        kinds = ", ".join(f"{letter(kind)} {kind}" for kind in broken)
        yield from wrap(f"violated: {kinds}; then the events of the shortest interleaving of any", WIDTH, "    ")
    for remark in remarks:
        yield from wrap(remark, WIDTH, "    ")


def _cell(result: Result | None) -> str:
    if result is None:
        return "-"
    runs = [verdict.interleaving for verdict in result.verdicts if verdict.interleaving is not None]
    if result.outcome is not Outcome.VIOLATED or not runs:
        return str(result.outcome)
    _, events = min((run.switches, len(run.events)) for run in runs)
    return f"{''.join(map(letter, violated_kinds([result])))} {events}"
