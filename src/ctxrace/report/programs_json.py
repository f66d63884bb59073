"""What was found out about the programs of an object, as JSON: schema ``ctxrace-programs/1``."""

import json
from dataclasses import asdict
from typing import Any

from ctxrace.core.meeting import ProgramsResult
from ctxrace.report.json import fact
from ctxrace.report.sentences.reason import reason_sentence

__all__ = ["SCHEMA", "programs_to_json"]

SCHEMA = "ctxrace-programs/1"


def programs_to_json(result: ProgramsResult) -> str:
    """Write a result as JSON: its fields under their own names. Returns the text, with a newline at its end."""
    facts: dict[str, Any] = {"schema": SCHEMA, **asdict(result)}
    for finding, spelled in zip(result.findings, facts["findings"], strict=True):
        why = finding.reason
        spelled["reason"] = None if why is None else fact(why, reason_sentence(why))
    text = json.dumps(facts, ensure_ascii=False, allow_nan=False, indent=2)
    return text.encode("utf-8", "backslashreplace").decode("utf-8") + "\n"
