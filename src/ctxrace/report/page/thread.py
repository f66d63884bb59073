"""The page of a thread's statements, with the interleavings of the facts that decide them."""

from collections.abc import Sequence

from ctxrace.core.statement import Fact, Ruling, Statement
from ctxrace.core.verdict import Outcome
from ctxrace.report.layout import clean
from ctxrace.report.page.parts import Cell, Page, Section, Story, Table
from ctxrace.report.page.results import run_story
from ctxrace.report.sentences.reason import reason_sentence
from ctxrace.report.sentences.statement import decision_phrase, evidence_phrase, missing_phrase
from ctxrace.report.text import in_short, replay_parts
from ctxrace.report.thread import thread_answer

__all__ = ["page_of_thread"]

_COLOURS = {Ruling.HOLDS: Outcome.HOLDS, Ruling.VIOLATED: Outcome.VIOLATED, Ruling.INCOMPLETE: Outcome.INCOMPLETE}


def page_of_thread(statements: Sequence[Statement], remarks: Sequence[str] = ()) -> Page:
    """Return the page of statements; remarks: what a reader must know of the scenarios."""
    facts = [fact for statement in statements for fact in statement.facts]
    unlike, incomplete = any(fact.unlike for fact in facts), any(fact.incomplete for fact in facts)
    answer = Outcome.VIOLATED if unlike else Outcome.INCOMPLETE if incomplete else Outcome.HOLDS
    sections = tuple(_section(f"s{number}", statement) for number, statement in enumerate(statements, 1))
    return Page(thread_answer(statements), str(answer), tuple(map(clean, remarks)), (), sections)


def _section(anchor: str, statement: Statement) -> Section:
    decided = all(fact.as_expected for fact in statement.facts)
    lines = [f"=> {statement.conclusion}"] if decided else []
    head = tuple(map(Cell, ("about", "found", "shown by", "command")))
    table = Table("facts", (head, *map(_row, statement.facts)))
    stories = tuple(_story(fact) for fact in statement.facts if fact.interleaving is not None)
    title = clean(f"{statement.quote} ({statement.author})")
    return Section(anchor, title, "", tuple(map(clean, lines)), (table,), stories)


def _row(fact: Fact) -> tuple[Cell, ...]:
    found = decision_phrase(fact.decision)
    if fact.unlike:
        found += f"; expected: {decision_phrase(fact.expected)}"
    if fact.stopped:
        found += f"; {reason_sentence(fact.stopped)}"
    shown = missing_phrase(fact.missing_compiler) if fact.missing_compiler else evidence_phrase(fact.evidence)
    colour = _COLOURS.get(fact.decision.ruling)
    cells = (clean(fact.about), clean(found), clean(shown), clean(fact.command))
    return Cell(cells[0]), Cell(cells[1], answer=str(colour) if colour else ""), Cell(cells[2]), Cell(cells[3])


def _story(fact: Fact) -> Story:
    run = fact.interleaving
    assert run is not None
    replay = fact.replay and run.schedule
    command = " ".join(filter(None, replay_parts(fact.replay, run.schedule))) if replay else fact.command
    return run_story(f"{fact.about}: {decision_phrase(fact.decision)} ({run.length})", in_short(run), run, command)
