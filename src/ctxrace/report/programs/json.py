"""What was found out about the programs of an object, as JSON: schema ``ctxrace-programs/1``."""

from dataclasses import asdict
from typing import Any

from ctxrace.core.meeting import ProgramsResult
from ctxrace.report.json import fact, json_text
from ctxrace.report.sentences.reason import reason_sentence

__all__ = ["SCHEMA", "programs_to_json"]

SCHEMA = "ctxrace-programs/1"


def programs_to_json(result: ProgramsResult) -> str:
    """Write a result as JSON: its fields under their own names. Returns the text, as `json_text` makes it."""
    facts: dict[str, Any] = {"schema": SCHEMA, **asdict(result)}
    for finding, spelled in zip(result.findings, facts["findings"], strict=True):
        why = finding.reason
        spelled["reason"] = None if why is None else fact(why, reason_sentence(why))
    return json_text(facts)
