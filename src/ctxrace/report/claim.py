"""A claim's result as text for a terminal, as a plain mail, and as JSON."""

import json
import re
import textwrap
from collections.abc import Collection, Iterator
from typing import Any

from ctxrace.core.claim import Answer, ClaimResult, Finding, OutcomeFound
from ctxrace.report.heading import scenario_of
from ctxrace.report.json import interleaving_facts
from ctxrace.report.lanes import render_interleaving
from ctxrace.report.layout import clean, columns, finish, typed, wrap

__all__ = ["SCHEMA", "claim_to_json", "render_claim", "render_claim_mail"]

SCHEMA = "ctxrace-claim/1"
WIDTH = 100
MAIL = 72
_ASCII = {"➜": "->", "←": "<-", "──": "--", "─": "-", "…": "...", "×": "x"}


def render_claim(result: ClaimResult) -> str:
    """Write a claim's result: the answer, the findings, the execution, where it ends and why, and the outcome."""
    return finish(_lines(result), WIDTH)


def render_claim_mail(result: ClaimResult) -> str:
    """Write the result as a reply: ASCII, at most 72 columns, each claimed step quoted and followed by its finding."""
    lines: list[str] = []
    named = {stands.context for stands in result.standing} | {said.partition(" ")[0] for said in result.memory}
    for finding in result.findings:
        label = f"{finding.label}. " if finding.label else ""
        lines += textwrap.wrap(f"{label}{finding.text}", MAIL, initial_indent="> ", subsequent_indent=">    ")
        lines += [*_mail(_sentence(_finding(finding))), ""]
    lines += _mail(_sentence(_answer(result)))
    lines += [line for reason in result.reasons[1:] for line in _mail(_sentence(reason, named))]
    if result.answer is not Answer.CONFIRMED:
        lines += ["", *_mail("There:")]
        for stands in result.standing:
            lines += _mail(f"{stands.context}: {stands.place}", "  ")
        lines += _mail("; ".join(result.memory), "  ") if result.memory else []
    run = result.interleaving if result.answer is Answer.CONFIRMED else result.outcome_interleaving
    if result.outcome is not None:
        lines += ["", *_mail(_sentence(_outcome(result)))]
    if run is not None and run.rows:
        lines += ["", *_mail("The execution:" if result.answer is Answer.CONFIRMED else "Like this:"), ""]
        lines += [line for row in run for line in _mail(str(row), "  ")]
    lines += ["", *_mail(f"({result.case}, {scenario_of(result)})")]
    lines += _mail(f"({_sentence('; '.join(result.notes))})") if result.notes else []
    if result.command:
        lines += ["", *(_ascii(line) for line in typed(result.command, MAIL))]
    return "".join(line.rstrip() + "\n" for line in lines)


def claim_to_json(result: ClaimResult) -> str:
    """Write the same facts as JSON, schema ``ctxrace-claim/1``."""
    facts: dict[str, Any] = {
        "schema": SCHEMA,
        "claim": result.file,
        "case": result.case,
        "arch": result.arch,
        "compiler": result.compiler,
        "preemption": result.preemption,
        "rcu": result.rcu,
        "tasks": result.tasks,
        "fifo_tasks": result.fifo_tasks,
        "interrupts": list(result.interrupts),
        "answer": str(result.answer),
        "failed": result.failed,
        "status": result.status,
        "steps": [
            {
                "step": finding.label,
                "line": finding.line,
                "text": finding.text,
                "verdict": finding.verdict,
                "event": finding.event,
                "said": finding.said,
            }
            for finding in result.findings
        ],
        "reasons": list(result.reasons),
        "standing": [
            {"context": stands.context, "place": stands.place, "could": list(stands.could)}
            for stands in result.standing
        ],
        "memory": list(result.memory),
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
        "notes": list(result.notes),
        "command": result.command,
    }
    return json.dumps(facts, ensure_ascii=False, allow_nan=False, indent=2) + "\n"


def _lines(result: ClaimResult) -> Iterator[str]:
    yield from wrap(f"{clean(result.file)}: {_answer(result)}", WIDTH, "    ")
    yield from wrap(f"{result.case}, {scenario_of(result)}", WIDTH, "    ")
    for note in result.notes:
        yield from wrap(f"note: {note}", WIDTH, "    ")
    yield ""
    rows = [(f"{f.label}." if f.label else "", clean(f.text)) for f in result.findings]
    for line, finding in zip(columns(rows, right={0}), result.findings, strict=True):
        yield from wrap(f"{line}   {_finding(finding)}", WIDTH - 2, "        ") if len(line) > 60 else [
            f"  {line}   {part}" if not k else f"  {' ' * len(line)}   {part}"
            for k, part in enumerate(wrap(_finding(finding), WIDTH - 5 - len(line)))
        ]
    if result.interleaving is not None and result.interleaving.rows:
        yield ""
        yield "the execution:" if result.answer is Answer.CONFIRMED else "as far as it goes:"
        yield from render_interleaving(result.interleaving, WIDTH).splitlines()
    if result.answer is not Answer.CONFIRMED:
        yield ""
        yield from _there(result)
    if result.outcome is not None:
        yield ""
        yield from wrap(_outcome(result), WIDTH, "    ")
        if result.outcome_interleaving is not None:
            yield ""
            yield from render_interleaving(result.outcome_interleaving, WIDTH).splitlines()
    if result.command:
        yield ""
        yield from typed(f"again: {result.command}", WIDTH)


def _there(result: ClaimResult) -> Iterator[str]:
    yield "there:"
    for stands in result.standing:
        yield from _indented(f"{stands.context} {stands.place}", "  ")
        for could in stands.could:
            yield from _indented(f"next: {could}", "      ")
    if result.memory:
        yield from _indented("; ".join(result.memory), "  ")
    for reason in result.reasons:
        yield from wrap(f"=> {reason}", WIDTH, "   ")


def _indented(text: str, indent: str) -> Iterator[str]:
    return (indent + line for line in wrap(text, WIDTH - len(indent), "    "))


def _answer(result: ClaimResult) -> str:
    if result.answer is Answer.CONFIRMED:
        run = result.interleaving
        length = run.length if run else "nothing happens"
        return f"confirmed: these steps are possible in this order ({length})"
    at = f"step {result.failed}" if result.failed != "outcome" else "the outcome"
    if result.answer is Answer.INCOMPLETE:
        return f"incomplete: whether {at} is possible is not known ({'; '.join(result.reasons)})"
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
    """Return what is said of the outcome, with the size of what proves it."""
    if result.outcome is None:
        return ""
    run = result.outcome_interleaving
    return f"{found[result.outcome]} ({run.length if run else _states(result.outcome_states)})"


def _states(number: int) -> str:
    return f"{number:,} state{'' if number == 1 else 's'}"


def _finding(finding: Finding) -> str:
    if finding.verdict == "possible":
        return f"possible: {finding.said}" if finding.said and finding.said != "yes" else "possible"
    return f"{finding.verdict.upper() if finding.verdict == 'impossible' else finding.verdict}" + (
        f": {finding.said}" if finding.said else ""
    )


def _outcome(result: ClaimResult) -> str:
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
    return textwrap.wrap(_ascii(clean(text)), MAIL, initial_indent=indent, subsequent_indent=indent + "  ")


def _ascii(text: str) -> str:
    for mark, plain in _ASCII.items():
        text = text.replace(mark, plain)
    return re.sub(r"[^\x20-\x7e]", "?", text)
