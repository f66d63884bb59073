"""SARIF 2.1.0 (OASIS): a result for each violation at its C line, with the interleaving as a code flow."""

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

from ctxrace.core.interleaving import Event, Interleaving
from ctxrace.core.source import Source
from ctxrace.core.suite.trial import Check, Trial
from ctxrace.report.formats.story import drawn, message, place, scenario
from ctxrace.report.json import json_text
from ctxrace.report.layout import clean, printable
from ctxrace.report.sentences.access import access_phrases, place_name, value_of
from ctxrace.report.sentences.context import context_name
from ctxrace.report.sentences.note import note_phrase
from ctxrace.report.sentences.turn import turn_sentence

__all__ = ["SCHEMA", "render_sarif"]

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = ("softirq", "hardirq", "nmi")


def render_sarif(found: Sequence[Trial], version: str) -> str:
    """Write the violations and what is not decided as a SARIF log; version: of ctxrace.

    What holds is no result, as readers show each result as a problem. Returns the text, with a newline at its end.
    """
    results = [result for one in found for result in _results(one)]
    rules = dict.fromkeys(check.verdict.property.kind for one in found for check in one.checks if check.verdict)
    failed = [_notification(one) for one in found if one.error or not one.checks]
    run: dict[str, Any] = {
        "tool": {"driver": {"name": "ctxrace", "version": version, "rules": [{"id": kind} for kind in rules]}},
        "invocations": [{"executionSuccessful": not failed, "toolExecutionNotifications": failed}],
        "columnKind": "unicodeCodePoints",
        "results": results,
    }
    return json_text({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]})


def _notification(one: Trial) -> dict[str, Any]:
    why = one.error or "nothing was checked: no property is declared"
    level = "error" if one.bad_input else "warning"
    return {"level": level, "message": {"text": clean(f"{one.name}: {why}")}}


def _results(one: Trial) -> Iterator[dict[str, Any]]:
    for check in one.checks:
        if not check.as_expected:
            yield _result(check, one)


def _result(check: Check, one: Trial) -> dict[str, Any]:
    undecided, verdict = check.undecided, str(check.step.kind if check.step else check.outcome)
    text = printable(f"{message(check, one)}\n\n{drawn(check, one)}").rstrip()
    result: dict[str, Any] = {
        "ruleId": check.verdict.property.kind if check.verdict else check.name.partition("(")[0],
        "kind": "open" if undecided else "fail",
        "level": "none" if undecided else "error",
        "message": {"text": text},
        "locations": [_location(place(check), one)],
        "properties": {"property": clean(check.name), "verdict": verdict, "expected": str(check.expected)},
    }
    if scenario(one):
        result["properties"] |= {"scenario": scenario(one), "command": one.command}
    run = check.verdict.interleaving if check.verdict else None
    if run is not None and run.rows:
        result["properties"]["schedule"] = run.schedule
        result["codeFlows"] = [{"threadFlows": [{"id": "interleaving", "locations": list(_steps(run))}]}]
    return result


def _location(source: Source | None, one: Trial) -> dict[str, Any]:
    return {"logicalLocations": [{"fullyQualifiedName": clean(one.name)}]} | (
        {"physicalLocation": _physical(source)} if source else {}
    )


def _physical(source: Source) -> dict[str, Any]:
    region: dict[str, Any] = {"startLine": max(source.line, 1)}
    if source.text:
        region["snippet"] = {"text": printable(source.text)}
    return {"artifactLocation": {"uri": _uri(source.file)}, "region": region}


def _uri(file: str) -> str:
    """Return a file as a URI: relative as it was named, or absolute. Its bytes need not be UTF-8."""
    try:
        data = file.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # no file is called so
        data = file.encode("utf-8", "replace")
    quoted = quote(data)
    return f"file://{quoted}" if quoted.startswith("/") else quoted


def _steps(run: Interleaving) -> Iterator[dict[str, Any]]:
    """Yield the rows in their order: one flow, as readers show one at a time, which names the context in each step."""
    for order, row in enumerate(run.rows, 1):
        text = _event_text(row) if isinstance(row, Event) else turn_sentence(row)
        location: dict[str, Any] = {"message": {"text": text or clean(row.context)}}
        step: dict[str, Any] = {"location": location, "executionOrder": order, "nestingLevel": _level(row.context)}
        if isinstance(row, Event):
            if row.source is not None:
                location["physicalLocation"] = _physical(row.source)
            if row.function:
                location["logicalLocations"] = [{"name": clean(row.function), "kind": "function"}]
            state = {place_name(access): {"text": value_of(access, access.value)} for access in row.accesses}
            if state:
                step["state"] = state
        yield step


def _level(context: str) -> int:
    return next((level for level, name in enumerate(_LEVELS, 1) if context.startswith(name)), 0)


def _event_text(event: Event) -> str:
    effects = "; ".join([*access_phrases(event.accesses), *map(note_phrase, event.notes)])
    return clean(f"{context_name(event.context)}: {event.instruction}") + (f"  [{effects}]" if effects else "")
