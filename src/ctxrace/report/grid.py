"""Many results as a grid: a row for each guard, a column for each way to call it, a word in each cell."""

from collections.abc import Iterator, Mapping, Sequence

from ctxrace.core.verdict import Outcome, Result
from ctxrace.report.heading import tally, under_one_head
from ctxrace.report.layout import column_groups, columns, finish, wrap
from ctxrace.report.sentences.reason import reason_sentence, remark_sentence

__all__ = ["letter", "render_grid", "violated_kinds"]

WIDTH = 100

_KNOWN = ("exclusive", "balanced", "recovers", "progress")  # one letter stands for each

Label = tuple[str, str]
Cells = Mapping[tuple[Label, Label], Sequence[Result | None]]


def render_grid(cells: Cells, title: str, corner: Label, remarks: Sequence[str] = (), width: int = WIDTH) -> str:
    """Write a grid of results; its first line is the title and how many cells there are of which kind.

    cells: by row and column, each called by two words; the first words of neighbouring columns are written once.
    None is a result that was to be found, and was not.
    corner: what the two words of a row are. remarks: what a reader must know besides.

    Returns the text, with a newline at its end; no line exceeds `width` columns: where they are too few
    for one table, there are several.
    """
    return finish(_lines(cells, title, corner, remarks, width), width)


def _lines(cells: Cells, title: str, corner: Label, remarks: Sequence[str], width: int) -> Iterator[str]:
    results = [result for group in cells.values() for result in group if result]
    yield from wrap(f"{title}: {tally([result for group in cells.values() for result in group])}", width, "    ")
    facts = dict.fromkeys(f"{result.setup.compiler}, preemption {result.setup.preemption}" for result in results)
    yield from wrap("; ".join(facts), width, "    ") if facts else ()
    yield ""
    rows = list(dict.fromkeys(row for row, _ in cells))
    across = list(dict.fromkeys(column for _, column in cells))
    body = under_one_head((row, [_cell(cells.get((row, column), ())) for column in across]) for row in rows)
    table = [["", "", *_heads(across)], [*corner, *(second for _, second in across)], *body]
    for number, group in enumerate(column_groups(table, 2, width - 2)):
        yield from [""] if number else []
        heads = ["", "", *_heads([across[index - 2] for index in group])]
        part = [heads, *([*row[:2], *(row[index] for index in group)] for row in table[1:])]
        yield from (f"  {line}" for line in columns(part))
    yield ""
    for remark in (*_legend(results), *remarks):
        yield from wrap(remark, width, "    ")


def _heads(across: Sequence[Label]) -> list[str]:
    """Return the first words of columns, written once for neighbours."""
    before = ["", *(first for first, _ in across)]
    return [first if first != before[index] else "" for index, (first, _) in enumerate(across)]


def _cell(results: Sequence[Result | None]) -> str:
    return " / ".join(dict.fromkeys(map(_word, results))) or "-"


def _word(result: Result | None) -> str:
    if result is None:
        return str(Outcome.INCOMPLETE)
    return "".join(map(letter, violated_kinds([result]))) or str(result.outcome)


def violated_kinds(results: Sequence[Result]) -> list[str]:
    """Return the kinds of properties that are violated: those known by a letter first, in their order."""
    verdicts = [verdict for result in results for verdict in result.verdicts]
    broken = dict.fromkeys(verdict.property.kind for verdict in verdicts if verdict.outcome is Outcome.VIOLATED)
    return [*(kind for kind in _KNOWN if kind in broken), *(kind for kind in broken if kind not in _KNOWN)]


def letter(kind: str) -> str:
    """Return what stands for a kind of properties in a cell."""
    return kind[0].upper() if kind in _KNOWN else f"+{kind}"


def _legend(results: Sequence[Result]) -> Iterator[str]:
    broken = violated_kinds(results)
    if broken:
        yield "violated: " + ", ".join(f"{letter(kind)} {kind}" for kind in broken)
    hangs = [(result.hang, result.case.split(" ")[0]) for result in results if result.hang is not None]
    unknown = [(hang.reason, guard) for hang, guard in hangs if hang.outcome is Outcome.INCOMPLETE and hang.reason]
    for reason in dict.fromkeys(reason for reason, _ in unknown):
        about = list(dict.fromkeys(guard for other, guard in unknown if other == reason))
        yield f"incomplete: no hang: {reason_sentence(reason)} [{', '.join(about)}]"
    for note in dict.fromkeys(note for result in results for note in result.notes):
        about = list(dict.fromkeys(result.case.split(" ")[0] for result in results if note in result.notes))
        every = all(note in result.notes for result in results)
        line = f"note: {remark_sentence(note)}"
        yield line if every else f"{line} [{', '.join(about)}]"
