"""Pages of results: one scenario, many of them as a table, or a single interleaving that was replayed."""

from collections.abc import Collection, Sequence

from ctxrace.core.facts.stop import Interrupted, Stop
from ctxrace.core.hang import Hang
from ctxrace.core.interleaving import Interleaving
from ctxrace.core.property import Property
from ctxrace.core.verdict import Outcome, Result, Verdict
from ctxrace.report.hang import hang_summary
from ctxrace.report.heading import scenario_of, verdict_words
from ctxrace.report.layout import clean
from ctxrace.report.overview import cell_text, row_labels, table_answer, table_remarks
from ctxrace.report.page.parts import Cell, Page, Section, Story, Table
from ctxrace.report.sentences.stop import stop_phrase
from ctxrace.report.text import answer, in_short, opening, remarks, replay_parts, violations

__all__ = ["page_of_results", "page_of_run", "run_story"]

_WIDE = 200  # columns of a title
_HANG = 90
_NAMED = 4  # cases that a note is about


def page_of_results(
    results: Sequence[Result], noun: str = "guard", *, missing: Sequence[str] = (), ended: Stop | None = None,
    brief: Collection[str] = (), notes: Sequence[str] = (),
) -> Page:  # fmt: skip
    """Return the page of what `results` say.

    noun, missing: as `render_table` has them. ended: why those that are missing were not begun.
    brief: commands of the results that have a row of the table, and no section. notes: what a reader must know besides.
    """
    if len(results) == 1 and not missing:
        (result,) = results
        section = _section(result, "")
        return Page(answer(result, _WIDE), str(result.outcome), (scenario_of(result.setup),), (), (section,))
    facts, labels = row_labels(results, noun) if results else ([], [])
    told = {number: f"r{number}" for number, result in enumerate(results, 1) if _has_section(result, brief)}
    sections = tuple(_section(results[number - 1], anchor) for number, anchor in told.items())
    outcomes = {result.outcome for result in results} | ({Outcome.INCOMPLETE} if missing else set())
    worst = next((word for word in (Outcome.VIOLATED, Outcome.INCOMPLETE) if word in outcomes), Outcome.HOLDS)
    lines = [", ".join(facts)] if facts else []
    said = [line for line in table_remarks(results, _NAMED) if not line.startswith(f"{Outcome.HOLDS}:")]  # in the table
    said += [f"incomplete: {name}: {stop_phrase(ended or Interrupted())}" for name in missing]
    if any(result.outcome is Outcome.VIOLATED for result in results):
        said.append("sw, ev: switches and events of the shortest interleaving")
    tables = (_overview(results, labels, told),) if results else ()
    return Page(table_answer(results, noun, missing), str(worst), tuple(lines), tables, sections, (*said, *notes))


def _has_section(result: Result, brief: Collection[str]) -> bool:
    return result.outcome is not Outcome.HOLDS and result.command not in brief


def page_of_run(run: Interleaving, broken: Sequence[Property], title: str, command: str) -> Page:
    """Return the page of a run that was replayed. broken: what its last step violates; title: of what it is a run."""
    said = f"violated: {', '.join(map(str, broken))}" if broken else "nothing is violated"
    must = tuple(f"must hold: {prop}: {prop.sentence}" for prop in broken if prop.sentence)
    outcome = str(Outcome.VIOLATED if broken else Outcome.HOLDS)
    story = run_story("", (*must, *in_short(run)), run, command)
    return Page(clean(f"{title}: {said} ({run.length})"), outcome, (), (), (Section(stories=(story,)),))


def run_story(title: str, lines: Sequence[str], run: Interleaving, command: str = "") -> Story:
    """Return `run` with what is said of it."""
    hangs = [ending for ending in run.endings if isinstance(ending, Hang)]
    hang = tuple(line for ending in hangs for line in hang_summary(ending, _HANG))
    return Story(clean(title), tuple(map(clean, lines)), run, hang, command)


def _section(result: Result, anchor: str) -> Section:
    stories = []
    for violation in violations(result.verdicts):
        schedule = violation.interleaving.schedule
        command = " ".join(filter(None, replay_parts(result.replay, schedule))) if result.replay and schedule else ""
        stories.append(run_story(*opening(violation), violation.interleaving, command))
    lines = [scenario_of(result.setup)] if anchor else []
    return Section(
        anchor,
        answer(result, _WIDE) if anchor else "",
        str(result.outcome),
        (*lines, *remarks(result)),
        (_verdicts(result),) if result.judged else (),
        tuple(stories),
        result.coverage if result.coverage.lines else None,
        result.command,
    )


def _verdicts(result: Result) -> Table:
    head = ("property", "verdict", "switches", "events", "states", "transitions")
    return Table("verdicts", (tuple(map(Cell, head)), *map(_verdict, result.judged)), frozenset({2, 3, 4, 5}))


def _verdict(verdict: Verdict) -> tuple[Cell, ...]:
    run = verdict.interleaving
    length = (f"{run.switches:,}", f"{len(run.events):,}") if run else ("-", "-")
    size = (f"{verdict.states:,}", f"{verdict.transitions:,}")
    outcome = Cell(verdict_words(verdict), answer=str(verdict.outcome))
    return Cell(clean(str(verdict.property))), outcome, *map(Cell, (*length, *size))


def _overview(results: Sequence[Result], labels: Sequence[Sequence[str]], told: dict[int, str]) -> Table:
    kinds = list(dict.fromkeys(verdict.property.kind for result in results for verdict in result.judged))
    rows = [tuple(map(Cell, (*labels[0], *map(clean, kinds), "states")))]
    for number, (label, result) in enumerate(zip(labels[1:], results, strict=True), 1):
        first, *others = label
        cells = [_kind_cell([v for v in result.judged if v.property.kind == kind]) for kind in kinds]
        states = max((verdict.states for verdict in result.verdicts), default=0)
        rows.append((Cell(first, told.get(number, "")), *map(Cell, others), *cells, Cell(f"{states:,}")))
    return Table("verdicts", tuple(rows), frozenset({len(rows[0]) - 1}))


def _kind_cell(verdicts: Sequence[Verdict]) -> Cell:
    outcomes = [verdict.outcome for verdict in verdicts]
    order = (Outcome.VIOLATED, Outcome.INCOMPLETE, Outcome.HOLDS)
    worst = next((str(outcome) for outcome in order if outcome in outcomes), "")
    return Cell(cell_text(verdicts, "violated ({} sw, {} ev)"), answer=worst)
