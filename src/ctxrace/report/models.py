"""One system on many kernels: a table for each kind of machine, a column for each preemption model."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from rich.cells import cell_len

from ctxrace.core.verdict import Outcome, Result
from ctxrace.report.grid import letter, violated_kinds
from ctxrace.report.heading import tally, under_one_head
from ctxrace.report.layout import column_groups, columns, finish, wrap

__all__ = ["render_models"]

WIDTH = 100

Parts = Mapping[str, Mapping[tuple[tuple[str, str], str], Result | None]]


def render_models(
    parts: Parts, title: str, corner: tuple[str, str], remarks: Sequence[str] = (), width: int = WIDTH
) -> str:
    """Write the tables; the first line is the title and how many cells there are of which kind.

    parts: for each table its cells by row, of two words, and column; None is a result that was to be found, and was
    not. corner: what the words of a row are.
    remarks: what a reader must know besides.

    Returns the text, with a newline at its end; no line exceeds `width` columns: where they are too few
    for one table, there are several.
    """
    return finish(_lines(parts, title, corner, remarks, width), width)


def _lines(parts: Parts, title: str, corner: tuple[str, str], remarks: Sequence[str], width: int) -> Iterator[str]:
    wanted = [result for cells in parts.values() for result in cells.values()]
    results = [result for result in wanted if result]
    yield from wrap(f"{title}: {tally(wanted)}", width, "    ")
    facts = dict.fromkeys(f"{result.setup.arch}, {result.setup.compiler}" for result in results)
    yield from wrap("; ".join(facts), width, "    ") if facts else ()
    for name, cells in parts.items():
        yield ""
        across = list(dict.fromkeys(column for _, column in cells))
        names = dict.fromkeys(row for row, _ in cells)
        rows = [(row, [_cell(cells, row, column) for column in across]) for row in names]
        table = columns([[*corner, *across], *under_one_head(rows)])
        yield name
        if max(map(cell_len, table)) <= width - 2:
            yield from (f"  {line}" for line in table)
            continue
        whole = [[", ".join(corner), *across], *_beneath_its_head(rows)]
        for number, group in enumerate(column_groups(whole, 1, width - 2)):
            yield from [""] if number else []
            yield from (f"  {line}" for line in columns([[row[0], *(row[at] for at in group)] for row in whole]))
    yield ""
    broken = violated_kinds(results)
    if broken:
        kinds = ", ".join(f"{letter(kind)} {kind}" for kind in broken)
        yield from wrap(f"violated: {kinds}; then the events of the shortest interleaving of any", width, "    ")
    for remark in remarks:
        yield from wrap(remark, width, "    ")


def _beneath_its_head(rows: Iterable[tuple[tuple[str, str], Sequence[str]]]) -> Iterator[list[str]]:
    """Yield the rows of a table where the first word of neighbours has a row of its own, which saves a column."""
    before = ""
    for (first, second), cells in rows:
        if first != before:
            yield [first, *("" for _ in cells)]
        yield [f"  {second}", *cells]
        before = first


def _cell(cells: Mapping[tuple[tuple[str, str], str], Result | None], row: tuple[str, str], column: str) -> str:
    if (row, column) not in cells:
        return "-"
    result = cells[row, column]
    if result is None:
        return str(Outcome.INCOMPLETE)
    runs = [verdict.interleaving for verdict in result.verdicts if verdict.interleaving is not None]
    if result.outcome is not Outcome.VIOLATED or not runs:
        return str(result.outcome)
    _, events = min((run.switches, len(run.events)) for run in runs)
    return f"{''.join(map(letter, violated_kinds([result])))} {events}"
