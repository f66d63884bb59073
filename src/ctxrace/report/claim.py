"""A claim's result as text for a terminal, as a plain mail, and as JSON."""

import textwrap
from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Any

from ctxrace.core.claim import Answer, ClaimResult, How, OutcomeFound
from ctxrace.report.heading import scenario_of
from ctxrace.report.json import fact, interleaving_facts, json_text, row_fact, setup_facts
from ctxrace.report.lanes import render_interleaving
from ctxrace.report.layout import ascii_only, clean, columns, finish, typed, wrap
from ctxrace.report.mail import render_interleaving_mail
from ctxrace.report.sentences.claim import (
    finding_phrase,
    memory_phrase,
    next_phrase,
    standing_name,
    standing_place,
    why_sentence,
)

__all__ = ["SCHEMA", "claim_answer", "claim_notes", "claim_outcome", "claim_there", "claim_to_json", "render_claim",
           "render_claim_mail"]  # fmt: skip

SCHEMA = "ctxrace-claim/2"
WIDTH = 100
NARROWEST = 60
MAIL = 72


def render_claim(result: ClaimResult, width: int = WIDTH) -> str:
    """Write a claim's result: the answer, the findings, the execution, where it ends and why, and the outcome.

    width: columns that no line exceeds (at least 60).
    """
    width = max(width, NARROWEST)
    return finish(_lines(result, width), width)


def render_claim_mail(result: ClaimResult) -> str:
    """Write the result as a reply: ASCII, at most 72 columns, each claimed step quoted and followed by its finding."""
    lines: list[str] = []
    named = {standing_name(one) for one in result.standing} | {one.name for one in result.memory}
    for finding in result.findings:
        label = f"{finding.label}. " if finding.label else ""
        lines += textwrap.wrap(f"{label}{finding.text}", MAIL, initial_indent="> ", subsequent_indent=">    ")
        shown = replace(finding, how=None) if finding.how is How.EVENT else finding  # a mail does not number events
        lines += [*_mail(_sentence(finding_phrase(shown))), ""]
    lines += _mail(_sentence(claim_answer(result)))
    lines += [line for reason in result.reasons[1:] for line in _mail(_sentence(why_sentence(reason), named))]
    if result.answer is not Answer.CONFIRMED:
        lines += ["", *_mail("There:")]
        for stands in result.standing:
            lines += _mail(f"{standing_name(stands)}: {standing_place(stands)}", "  ")
        lines += _mail("; ".join(map(memory_phrase, result.memory)), "  ") if result.memory else []
    run = result.interleaving if result.answer is Answer.CONFIRMED else result.outcome_interleaving
    if result.outcome is not None:
        lines += ["", *_mail(_sentence(claim_outcome(result)))]
    if run is not None and run.rows:
        lines += ["", *_mail("The execution:" if result.answer is Answer.CONFIRMED else "Like this:"), ""]
        lines += render_interleaving_mail(run).splitlines()
    lines += ["", *_mail(f"({result.setup.case}, {scenario_of(result.setup)})")]
    notes = list(claim_notes(result))
    lines += _mail(f"({_sentence('; '.join(notes))})") if notes else []
    if result.command:
        lines += ["", *(ascii_only(line) for line in typed(result.command, MAIL))]
    return "".join(line.rstrip() + "\n" for line in lines)


def claim_to_json(result: ClaimResult) -> str:
    """Write the same facts as JSON, schema ``ctxrace-claim/2``."""
    facts: dict[str, Any] = {
        "schema": SCHEMA,
        "claim": result.file,
        **setup_facts(result.setup),
        "answer": str(result.answer),
        "failed": result.failed,
        "status": result.status,
        "steps": [
            {
                "step": finding.label,
                "line": finding.line,
                "text": finding.text,
                "verdict": str(finding.kind),
                "how": None if finding.how is None else str(finding.how),
                "event": finding.event,
                "why": None if finding.why is None else fact(finding.why, why_sentence(finding.why)),
            }
            for finding in result.findings
        ],
        "reasons": [fact(why, why_sentence(why)) for why in result.reasons],
        "standing": [
            {
                "context": stands.context,
                "preempted": stands.preempted,
                "place": fact(stands.place, standing_place(stands)),
                "next": [row_fact(row) | {"text": next_phrase(row)} for row in stands.next_rows],
            }
            for stands in result.standing
        ],
        "memory": [{"name": one.name, "value": one.value} for one in result.memory],
        "states": result.states,
        "transitions": result.transitions,
        "searched": result.searched,
        "interleaving": None if result.interleaving is None else interleaving_facts(result.interleaving),
        "outcome": None if result.outcome is None else str(result.outcome),
        "outcome_text": result.outcome_text,
        "outcome_states": result.outcome_states,
        "outcome_transitions": result.outcome_transitions,
        "outcome_interleaving": (
            None if result.outcome_interleaving is None else interleaving_facts(result.outcome_interleaving)
        ),
        "shortest": result.shortest,
        "notes": list(claim_notes(result)),
        "command": result.command,
    }
    return json_text(facts)


def _lines(result: ClaimResult, width: int) -> Iterator[str]:
    yield from wrap(f"{clean(result.file)}: {claim_answer(result)}", width, "    ")
    yield from wrap(f"{result.setup.case}, {scenario_of(result.setup)}", width, "    ")
    for note in claim_notes(result):
        yield from wrap(f"note: {note}", width, "    ")
    yield ""
    rows = [(f"{f.label}." if f.label else "", clean(f.text)) for f in result.findings]
    for line, finding in zip(columns(rows, right={0}), result.findings, strict=True):
        yield from (
            wrap(f"{line}   {finding_phrase(finding)}", width - 2, "        ")
            if len(line) > 60
            else [
                f"  {line}   {part}" if not k else f"  {' ' * len(line)}   {part}"
                for k, part in enumerate(wrap(finding_phrase(finding), width - 5 - len(line)))
            ]
        )
    if result.interleaving is not None and result.interleaving.rows:
        yield ""
        yield "the execution:" if result.answer is Answer.CONFIRMED else "as far as it goes:"
        yield from render_interleaving(result.interleaving, width).splitlines()
    if result.answer is not Answer.CONFIRMED:
        yield ""
        yield from claim_there(result, width)
    if result.outcome is not None:
        yield ""
        yield from wrap(claim_outcome(result), width, "    ")
        if result.outcome_interleaving is not None:
            yield ""
            yield from render_interleaving(result.outcome_interleaving, width).splitlines()
    if result.command:
        yield ""
        yield from typed(f"again: {result.command}", width)


def claim_there(result: ClaimResult, width: int) -> Iterator[str]:
    """Yield where each context is after the longest beginning, and why nothing else is possible."""
    yield "there:"
    for stands in result.standing:
        yield from _indented(f"{standing_name(stands)} {standing_place(stands)}", "  ", width)
        for row in stands.next_rows:
            yield from _indented(f"next: {next_phrase(row)}", "      ", width)
    if result.memory:
        yield from _indented("; ".join(map(memory_phrase, result.memory)), "  ", width)
    for reason in result.reasons:
        yield from wrap(f"=> {why_sentence(reason)}", width, "   ")


def _indented(text: str, indent: str, width: int) -> Iterator[str]:
    return (indent + line for line in wrap(text, width - len(indent), "    "))


def claim_answer(result: ClaimResult) -> str:
    """Return the answer, with the size of what shows it."""
    if result.answer is Answer.CONFIRMED:
        run = result.interleaving
        length = run.length if run else "nothing happens"
        return f"confirmed: these steps are possible in this order ({length})"
    at = f"step {result.failed}" if result.failed != "outcome" else "the outcome"
    if result.answer is Answer.INCOMPLETE:
        return f"incomplete: whether {at} is possible is not known ({'; '.join(map(why_sentence, result.reasons))})"
    size = _states(result.states) if result.searched else "no path avoids it"
    if result.failed != "outcome":
        found = {
            OutcomeFound.REACHABLE: "; the outcome is reachable all the same",
            OutcomeFound.UNREACHABLE: "; the outcome is unreachable",
            OutcomeFound.INCOMPLETE: "; whether the outcome is reachable is not known",
        }
        return f"impossible at {at} ({size}){_proved(result, found)}"
    found = {
        OutcomeFound.REACHABLE: "; other executions do",
        OutcomeFound.UNREACHABLE: ", and nothing else does",
        OutcomeFound.INCOMPLETE: "; whether other executions do is not known",
    }
    return f"impossible: the steps are possible, but do not lead to the outcome ({size}){_proved(result, found)}"


def _proved(result: ClaimResult, found: dict[OutcomeFound, str]) -> str:
    """Return the sentence about the outcome, with the size of what proves it."""
    if result.outcome is None:
        return ""
    run = result.outcome_interleaving
    return f"{found[result.outcome]} ({run.length if run else _states(result.outcome_states)})"


def claim_notes(result: ClaimResult) -> Iterator[str]:
    """Yield what a reader must know besides."""
    if not result.shortest:
        yield "the execution may not be the shortest"
    if result.searched and result.answer is Answer.IMPOSSIBLE:
        yield "each context that the claim names makes one attempt, unless the claim says that it starts again"
    if result.setup.attempts is not None:
        times = "once" if result.setup.attempts == 1 else f"{result.setup.attempts} times"
        yield f"each context begins its entry at most {times}; nothing is claimed beyond that"


def _states(number: int) -> str:
    return f"{number:,} state{'' if number == 1 else 's'}"


def claim_outcome(result: ClaimResult) -> str:
    """Return what is found of the outcome."""
    number = result.outcome_transitions
    size = f"{_states(result.outcome_states)}, {number:,} transition{'' if number == 1 else 's'}"
    match result.outcome:
        case OutcomeFound.REACHABLE:
            run = result.outcome_interleaving
            how = "by other executions" if result.failed == "outcome" else "all the same"
            return f"the outcome is reachable {how}: {result.outcome_text} ({run.length if run else ''})"
        case OutcomeFound.UNREACHABLE:
            return f"the outcome is unreachable: {result.outcome_text} holds in no execution ({size})"
        case _:
            return f"the outcome is not decided: {result.outcome_text} ({size})"


def _sentence(text: str, names: Collection[str] = ()) -> str:
    """Return `text` with a capital at its beginning, unless it begins with one of `names`."""
    return text if text.partition(" ")[0] in names else text[:1].upper() + text[1:]


def _mail(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(ascii_only(clean(text)), MAIL, initial_indent=indent, subsequent_indent=indent + "  ")
