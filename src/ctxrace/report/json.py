"""Results as JSON: schema ``ctxrace-result/2``, one entry for each result and property."""

import json
import re
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from enum import StrEnum
from typing import Any

from ctxrace.core.facts.fact import Fact
from ctxrace.core.interleaving import Access, Event, Interleaving, Source, ValueKind
from ctxrace.core.property import Property
from ctxrace.core.setup import Setup
from ctxrace.core.source import Coverage
from ctxrace.core.turn import Turn
from ctxrace.core.verdict import Outcome, Result, Verdict
from ctxrace.report.heading import verdict_words
from ctxrace.report.sentences.ending import ending_sentence
from ctxrace.report.sentences.note import note_phrase
from ctxrace.report.sentences.reason import reason_sentence, remark_sentence
from ctxrace.report.sentences.turn import turn_sentence

__all__ = ["REPLAY_SCHEMA", "SCHEMA", "fact", "interleaving_facts", "json_text", "replay_to_json", "row_fact",
           "setup_facts", "source_facts", "to_json"]  # fmt: skip

SCHEMA = "ctxrace-result/2"
REPLAY_SCHEMA = "ctxrace-replay/1"
_UNPRINTABLE = re.compile(r"[^\x20-\x7e\n]+")


def to_json(results: Sequence[Result]) -> str:
    """Write results as JSON, in their own order and that of their verdicts; keys always come in the same order.

    Returns the text, with a newline at its end. Raises ValueError if a duration is not a finite number.
    """
    entries = [_entry(result, verdict) for result in results for verdict in result.verdicts]
    return json_text({"schema": SCHEMA, "results": entries})


def replay_to_json(case: str, run: Interleaving, violated: Sequence[Property]) -> str:
    """Write a run that was replayed as JSON, schema ``ctxrace-replay/1``; violated: by its last step."""
    facts = {"case": case, "violated": [str(one) for one in violated], "interleaving": interleaving_facts(run)}
    return json_text({"schema": REPLAY_SCHEMA, **facts})


def json_text(facts: dict[str, Any]) -> str:
    """Return `facts` as JSON, with a newline at its end, and with escapes for whatever a terminal would obey.

    Raises ValueError for a number that is not finite.
    """
    text = json.dumps(facts, ensure_ascii=False, allow_nan=False, indent=2)
    # A file name that is not UTF-8 reaches us as lone surrogates; they are not printable either.
    return _UNPRINTABLE.sub(_escaped, text) + "\n"


def _escaped(found: re.Match[str]) -> str:
    """Return a run of characters as JSON escapes them, but those that are printable as they are."""
    return "".join(c if c.isprintable() or c in "\n" else json.dumps(c)[1:-1] for c in found[0])


def _entry(result: Result, verdict: Verdict) -> dict[str, Any]:
    entry: dict[str, Any] = {
        **setup_facts(result.setup),
        "property": str(verdict.property),
        "kind": verdict.property.kind,
        "subjects": list(verdict.property.subjects),
        "sentence": verdict.property.sentence,
        "verdict": verdict_words(verdict),
        "states": verdict.states,
        "transitions": verdict.transitions,
        "seconds": round(verdict.seconds, 6),
        "notes": [fact(note, remark_sentence(note)) for note in result.notes],
        "command": result.command,
        "hang": None if result.hang is None else str(result.hang.outcome),
        "coverage": _coverage_facts(result.coverage),
    }
    if verdict.reason or verdict.outcome is Outcome.INCOMPLETE:
        why = verdict.reason
        entry["reason"] = None if why is None else fact(why, reason_sentence(why))
    if verdict.outcome is Outcome.VIOLATED and verdict.interleaving is not None:
        entry["interleaving"] = interleaving_facts(verdict.interleaving)
    return entry


def _coverage_facts(coverage: Coverage) -> dict[str, Any]:
    """Spell which lines no interleaving executes, and which branches from the others none takes."""
    return {
        "complete": coverage.complete,
        "never_executed": [source_facts(line.source) for line in coverage.never],
        "never_taken": [
            {"source": source_facts(branch.source), "to": source_facts(branch.to)} for branch in coverage.untaken
        ],
    }


def setup_facts(setup: Setup) -> dict[str, Any]:
    """Spell what was explored."""
    return {
        "case": setup.case,
        "arch": setup.arch,
        "compiler": setup.compiler,
        "preemption": setup.preemption,
        "rcu": setup.rcu,
        "cpus": setup.cpus,
        "tasks": setup.tasks,
        "fifo_tasks": setup.fifo_tasks,
        "interrupts": list(setup.interrupts),
        "entry_window": setup.entry_window,
        "attempts": setup.attempts,
    }


def interleaving_facts(run: Interleaving) -> dict[str, Any]:
    """Spell a run: `events` in full, and `rows` with the turns between them, an event there being its index."""
    rows: list[dict[str, Any]] = []
    number = 0
    for row in run:
        if isinstance(row, Event):
            rows.append({"event": number})
            number += 1
        else:
            rows.append(row_fact(row))
    return {
        "switches": run.switches,
        "contexts": list(run.contexts),
        "events": [row_fact(event) for event in run.events],
        "rows": rows,
        "endings": [fact(ending, ending_sentence(ending)) for ending in run.endings],
        "schedule": run.schedule,
    }


def row_fact(row: Event | Turn) -> dict[str, Any]:
    """Spell an event or a turn: of a turn only the facts that it has."""
    notes = [fact(note, note_phrase(note)) for note in row.notes]
    if isinstance(row, Event):
        return {
            "context": row.context,
            "address": f"{row.address:#x}",
            "instruction": row.instruction,
            "function": row.function,
            "source": source_facts(row.source),
            "accesses": [_access(access) for access in row.accesses],
            "notes": notes,
        }
    plain = Turn(row.kind, row.context)
    names = [field.name for field in fields(row) if field.name not in ("kind", "context", "cause", "notes")]
    known = {name: _plain(getattr(row, name)) for name in names if getattr(row, name) != getattr(plain, name)}
    cause = {} if row.cause is None else {"cause": row.cause.name.lower()}
    return {"turn": str(row.kind), "context": row.context, **cause, **known, "notes": notes, "text": turn_sentence(row)}


def fact(value: Any, text: str) -> dict[str, Any]:  # noqa: ANN401 - a dataclass of plain facts
    """Spell a fact: its kind, its fields, and `text`, the sentence that a report makes of it."""
    spelled = {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    return ({} if "kind" in spelled else {"kind": _kind(value)}) | spelled | {"text": text}


def _kind(value: object) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", type(value).__name__).lower()


def _plain(value: Any) -> Any:  # noqa: ANN401 - a field of a dataclass, as JSON has it
    match value:
        case Event() | Turn():
            return row_fact(value)
        case Source():
            return source_facts(value)
        case Access():
            return _access(value)
        case StrEnum():
            return str(value)
        case tuple():
            return [_plain(one) for one in value]
        case Property():
            return str(value)
        case _ if is_dataclass(value):
            kind: dict[str, Any] = {"kind": _kind(value)} if isinstance(value, Fact) else {}
            return kind | {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
        case _:
            return value


def source_facts(source: Source | None) -> dict[str, Any] | None:
    """Spell a place in a source file; None where it is not known."""
    return None if source is None else {"file": source.file, "line": source.line, "text": source.text}


def _access(access: Access) -> dict[str, Any]:
    spelled: dict[str, Any] = {
        "kind": access.kind,
        "symbol": access.symbol,
        "offset": access.offset,
        "size": access.size,
        "value": access.value,
    }
    if access.before is not None:
        spelled["before"] = access.before
    read_as = {} if access.value_kind is ValueKind.UNSIGNED else {"read_as": str(access.value_kind)}
    return spelled | {"name": access.name} | read_as
