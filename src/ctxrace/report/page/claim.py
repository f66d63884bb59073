"""The page of a claim: each claimed step with what is found of it, and the execution."""

from ctxrace.core.claim import Answer, ClaimResult, Finding, FindingKind, OutcomeFound
from ctxrace.core.verdict import Outcome
from ctxrace.report.claim import claim_answer, claim_notes, claim_outcome, claim_there
from ctxrace.report.heading import scenario_of
from ctxrace.report.layout import clean
from ctxrace.report.page.parts import Cell, Page, Section, Story, Table
from ctxrace.report.page.results import run_story
from ctxrace.report.sentences.claim import finding_phrase

__all__ = ["page_of_claim"]

_WIDE = 110
_ANSWERS = {
    Answer.CONFIRMED: Outcome.HOLDS,
    Answer.IMPOSSIBLE: Outcome.VIOLATED,
    Answer.INCOMPLETE: Outcome.INCOMPLETE,
}
_FINDINGS = {
    FindingKind.POSSIBLE: Outcome.HOLDS,
    FindingKind.IMPOSSIBLE: Outcome.VIOLATED,
    FindingKind.NOT_KNOWN: Outcome.INCOMPLETE,
}
"""The colours of words: of a verdict that is as good or bad."""


def page_of_claim(result: ClaimResult) -> Page:
    """Return the page of what is found of a claim."""
    about = f"{result.setup.case}, {scenario_of(result.setup)}"
    lines = [about, *(f"note: {note}" for note in claim_notes(result))]
    head = tuple(map(Cell, ("step", "claim", "found")))
    steps = Table("steps", (head, *map(_row, result.findings)))
    section = Section(stories=tuple(_stories(result)), command=result.command)
    title = clean(f"{result.file}: {claim_answer(result)}")
    return Page(title, str(_ANSWERS[result.answer]), tuple(map(clean, lines)), (steps,), (section,))


def _row(finding: Finding) -> tuple[Cell, ...]:
    colour = _FINDINGS.get(finding.kind)
    found = Cell(clean(finding_phrase(finding)), answer=str(colour) if colour else "")
    return Cell(clean(finding.label) or "outcome"), Cell(clean(finding.text)), found


def _stories(result: ClaimResult) -> list[Story]:
    stories = []
    there = [] if result.answer is Answer.CONFIRMED else list(claim_there(result, _WIDE))
    if result.interleaving is not None and result.interleaving.rows:
        title = "the execution" if result.answer is Answer.CONFIRMED else "as far as it goes"
        stories.append(run_story(title, there, result.interleaving))
    if result.outcome_interleaving is not None and result.outcome is OutcomeFound.REACHABLE:
        stories.append(run_story(claim_outcome(result), (), result.outcome_interleaving))
    return stories
