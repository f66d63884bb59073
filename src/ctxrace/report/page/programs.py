"""The page of a BPF object: each finding with its interleaving, and which programs may meet."""

from collections.abc import Iterator, Sequence

from ctxrace.core.meeting import Finding, Pair, ProgramsResult
from ctxrace.core.verdict import Outcome
from ctxrace.report.layout import clean
from ctxrace.report.page.parts import Cell, Page, Section, Story, Table
from ctxrace.report.page.results import run_story
from ctxrace.report.programs.run import run_of
from ctxrace.report.programs.said import (
    answer,
    counted,
    finding_answer,
    finding_remarks,
    kernel_sentence,
    remarks,
    size_sentence,
)
from ctxrace.report.programs.text import replay_command
from ctxrace.report.sentences.reason import reason_sentence
from ctxrace.report.sentences.summary import summary

__all__ = ["page_of_finding", "page_of_programs"]

_PAIRS = 300  # rows of the table of those that meet


def page_of_programs(result: ProgramsResult) -> Page:
    """Return the page of what is found of an object."""
    sections = tuple(_section(f"f{number}", each, result.replay) for number, each in enumerate(result.findings, 1))
    notes = [f"ignored: {each.defect}: {counted(each.causes, 'cause')}" for each in result.ignored]
    if result.unfollowed:
        notes.append("not followed, so that nothing is proved about these programs:")
        notes += [f"{name}: {why}" for name, why in result.unfollowed]
    lines = (kernel_sentence(result), size_sentence(result), *remarks(result))
    tables = tuple(_tables(result))
    last = (Section(command=result.command),) if result.command else ()
    title = clean(answer(result))
    return Page(title, str(result.outcome), _cleaned(lines), tables, (*sections, *last), _cleaned(notes))


def page_of_finding(finding: Finding, title: str, command: str) -> Page:
    """Return the page of a finding that was replayed; title: its answer, command: what was typed."""
    said = _said(finding) if finding.outcome is not Outcome.HOLDS else []
    section = Section(lines=_cleaned(said), stories=tuple(_stories(finding, "")), command=command)
    return Page(clean(title), str(finding.outcome), (), (), (section,))


def _cleaned(lines: Sequence[str]) -> tuple[str, ...]:
    return tuple(map(clean, lines))


def _tables(result: ProgramsResult) -> Iterator[Table]:
    if result.findings:
        head = tuple(map(Cell, ("finding", "program", "met by", "memory or guard", "switches", "events")))
        rows = [_row(f"f{number}", each) for number, each in enumerate(result.findings, 1)]
        yield Table("verdicts", (head, *rows), frozenset({4, 5}))
    meeting = [pair for pair in result.pairs if pair.meets != "apart" and (pair.memory or pair.meets == "missed")]
    if meeting:
        head = tuple(map(Cell, ("program", "over", "what may happen", "memory", "rule")))
        rows = [_pair(pair) for pair in meeting[:_PAIRS]]
        left = f"; {len(meeting) - _PAIRS:,} more are not shown" if len(meeting) > _PAIRS else ""
        yield Table(f"pairs that may meet: {len(meeting):,} of {len(result.pairs):,}{left}", (head, *rows))


def _row(anchor: str, finding: Finding) -> tuple[Cell, ...]:
    mine, other = (f"{each.level} {each.name}" for each in finding.programs)
    run = run_of(finding)
    length = (f"{run.switches:,}", f"{len(run.events):,}") if run else ("-", "-")
    words = f"{finding.defect}: {finding.outcome}"
    cells = (clean(mine), clean(other), clean(finding.memory or finding.guard), *length)
    return Cell(words, anchor, str(finding.outcome)), *map(Cell, cells)


def _pair(pair: Pair) -> tuple[Cell, ...]:
    may = "is skipped" if pair.meets == "missed" else "runs"
    if not pair.sure:
        may += ", perhaps: nobody read where their hooks are called"
    rule = pair.rule + (" (inferred)" if pair.inferred else "")
    cells = (pair.second, pair.first, may, ", ".join(pair.memory), rule)
    return tuple(Cell(clean(cell)) for cell in cells)


def _section(anchor: str, finding: Finding, replay: str) -> Section:
    title = clean(finding_answer(finding))
    command = replay_command(finding, replay) if replay and finding.schedule else ""
    stories = tuple(_stories(finding, command))
    return Section(anchor, title, str(finding.outcome), _cleaned(_said(finding)), stories=stories)


def _said(finding: Finding) -> list[str]:
    return [*map(reason_sentence, finding.reasons), *finding_remarks(finding)]


def _stories(finding: Finding, command: str) -> Iterator[Story]:
    run = run_of(finding)
    if run is not None:
        yield run_story(run.length, [summary(run)[1]] if summary(run)[1] else [], run, command)
