"""The statements of a thread with the facts that decide them, as a table that fits a mail, and as JSON."""

import textwrap
from collections.abc import Iterator, Sequence

from ctxrace.core.statement import CodeCompared, Fact, Statement
from ctxrace.report.json import fact as as_json
from ctxrace.report.json import interleaving_facts, json_text
from ctxrace.report.layout import ascii_only, typed
from ctxrace.report.mail import render_interleaving_mail
from ctxrace.report.sentences.reason import reason_sentence
from ctxrace.report.sentences.statement import decision_phrase, evidence_phrase, missing_phrase

__all__ = ["SCHEMA", "render_thread", "thread_answer", "thread_to_json"]

SCHEMA = "ctxrace-thread/2"
WIDTH = 72
_ABOUT, _DECISION = 26, 16


def render_thread(
    statements: Sequence[Statement], remarks: tuple[str, str] = ("", ""), *, drawn: bool = False
) -> str:
    """Write every statement, its facts, and the command that shows each: ASCII, at most 72 columns.

    remarks: what a reader must know of the scenarios, and, where code was compared, of the comparison.
    drawn: whether the interleavings are drawn below their facts.
    """
    lines = list(_opening(statements))
    for statement in statements:
        lines += ["", *_statement(statement, drawn=drawn)]
    scenarios, comparison = remarks
    lines += ["", *textwrap.wrap(scenarios, WIDTH)] if scenarios else []
    if any(isinstance(fact.evidence, CodeCompared) for statement in statements for fact in statement.facts):
        lines += textwrap.wrap(comparison, WIDTH)
    return "".join(f"{ascii_only(line).rstrip()}\n" for line in lines)


def thread_to_json(statements: Sequence[Statement]) -> str:
    """Write the same facts as JSON, schema ``ctxrace-thread/2``."""
    facts = {
        "schema": SCHEMA,
        "statements": [
            {
                "quote": statement.quote,
                "author": statement.author,
                "conclusion": statement.conclusion if all(fact.as_expected for fact in statement.facts) else None,
                "facts": [_fact_as_json(fact) for fact in statement.facts],
            }
            for statement in statements
        ],
    }
    return json_text(facts)


def _fact_as_json(fact: Fact) -> dict[str, object]:
    return {
        "about": fact.about,
        "decision": as_json(fact.decision, decision_phrase(fact.decision)),
        "expected": as_json(fact.expected, decision_phrase(fact.expected)),
        "as_expected": None if fact.incomplete else fact.as_expected,
        "evidence": None if fact.evidence is None else as_json(fact.evidence, evidence_phrase(fact.evidence)),
        "stopped": None if fact.stopped is None else as_json(fact.stopped, reason_sentence(fact.stopped)),
        "missing_compiler": fact.missing_compiler,
        "command": fact.command,
        "interleaving": None if fact.interleaving is None else interleaving_facts(fact.interleaving),
    }


def _opening(statements: Sequence[Statement]) -> Iterator[str]:
    yield from textwrap.wrap(thread_answer(statements), WIDTH)


def thread_answer(statements: Sequence[Statement]) -> str:
    """Return how many statements and facts there are, and how many are not as expected."""
    facts = [fact for statement in statements for fact in statement.facts]
    numbers = {
        "not as expected, marked !!": sum(fact.unlike for fact in facts),
        "incomplete, marked ??": sum(fact.incomplete for fact in facts),
    }
    parts = [f"{number} {what}" for what, number in numbers.items() if number] or ["all as stated after =>"]
    missing = sum(bool(fact.missing_compiler) for fact in facts)
    parts += [f"{missing} not asked here"] if missing else []
    return f"{len(statements)} statements, {len(facts)} facts: {'; '.join(parts)}"


def _statement(statement: Statement, *, drawn: bool) -> Iterator[str]:
    yield from textwrap.wrap(f"{statement.quote} ({statement.author})", WIDTH, subsequent_indent="  ")
    if all(fact.as_expected for fact in statement.facts):
        yield from textwrap.wrap(f"=> {statement.conclusion}", WIDTH, subsequent_indent="   ")
    for fact in statement.facts:
        yield from _fact(fact)
        if drawn and fact.interleaving is not None:
            yield from ("", *render_interleaving_mail(fact.interleaving).splitlines(), "")


def _fact(fact: Fact) -> Iterator[str]:
    mark = "!!" if fact.unlike else "??" if fact.incomplete else "  "
    outcome = fact.decision.outcome
    decision = decision_phrase(fact.decision, outcome=False)
    shown = missing_phrase(fact.missing_compiler) if fact.missing_compiler else evidence_phrase(fact.evidence)
    yield f"{mark}{fact.about:<{_ABOUT}} {decision:<{_DECISION}} {'' if outcome else shown}"
    if outcome:
        yield f"    outcome {outcome}: {shown}"
    if fact.unlike:
        yield f"!!  expected: {decision_phrase(fact.expected)}"
    if fact.stopped:
        why = reason_sentence(fact.stopped)
        yield from textwrap.wrap(why, WIDTH, initial_indent=f"{mark}  ", subsequent_indent=f"{mark}  ")
    for line in typed(fact.command, WIDTH - 6):
        yield f"    $ {line}" if line.startswith("ctxrace") else f"      {line}"
