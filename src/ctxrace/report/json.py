"""Results as JSON: schema ``ctxrace-result/1``, one entry for each result and property."""

import json
from collections.abc import Sequence
from typing import Any

from ctxrace.core.interleaving import Access, Event, Interleaving, Source
from ctxrace.core.verdict import Outcome, Result, Verdict

__all__ = ["SCHEMA", "interleaving_facts", "to_json"]

SCHEMA = "ctxrace-result/1"


def to_json(results: Sequence[Result]) -> str:
    """Write results as JSON, in their own order and that of their verdicts; keys always come in the same order.

    Returns the text, with a newline at its end. Raises ValueError if a duration is not a finite number.
    """
    entries = [_entry(result, verdict) for result in results for verdict in result.verdicts]
    text = json.dumps({"schema": SCHEMA, "results": entries}, ensure_ascii=False, allow_nan=False, indent=2)
    # A file name that is not UTF-8 reaches us as lone surrogates; their backslash form is also JSON's.
    return text.encode("utf-8", "backslashreplace").decode("utf-8") + "\n"


def _entry(result: Result, verdict: Verdict) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "case": result.case,
        "arch": result.arch,
        "compiler": result.compiler,
        "preemption": result.preemption,
        "rcu": result.rcu,
        "cpus": result.cpus,
        "tasks": result.tasks,
        "fifo_tasks": result.fifo_tasks,
        "interrupts": list(result.interrupts),
        "entry_window": result.entry_window,
        "property": str(verdict.property),
        "kind": verdict.property.kind,
        "subjects": list(verdict.property.subjects),
        "sentence": verdict.property.sentence,
        "verdict": str(verdict.outcome),
        "states": verdict.states,
        "transitions": verdict.transitions,
        "seconds": round(verdict.seconds, 6),
        "notes": list(result.notes),
        "command": result.command,
    }
    if verdict.reason or verdict.outcome is Outcome.INCOMPLETE:
        entry["reason"] = verdict.reason
    if verdict.outcome is Outcome.VIOLATED and verdict.interleaving is not None:
        entry["interleaving"] = interleaving_facts(verdict.interleaving)
    return entry


def interleaving_facts(run: Interleaving) -> dict[str, Any]:
    """Spell a run: `events` in full, and `rows` with the turns between them, an event there being its index."""
    rows: list[dict[str, Any]] = []
    number = 0
    for row in run:
        if isinstance(row, Event):
            rows.append({"event": number})
            number += 1
        else:
            rows.append({"turn": row.kind, "context": row.context, "reason": row.reason, "notes": list(row.notes)})
    return {
        "switches": run.switches,
        "contexts": list(run.contexts),
        "events": [_event(event) for event in run.events],
        "rows": rows,
        "outcome": run.outcome,
        "notes": list(run.notes),
        "schedule": run.schedule,
    }


def _event(event: Event) -> dict[str, Any]:
    return {
        "context": event.context,
        "address": f"{event.address:#x}",
        "instruction": event.instruction,
        "function": event.function,
        "source": _source(event.source),
        "accesses": [_access(access) for access in event.accesses],
        "notes": list(event.notes),
    }


def _source(source: Source | None) -> dict[str, Any] | None:
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
    return spelled | {"name": access.name}
