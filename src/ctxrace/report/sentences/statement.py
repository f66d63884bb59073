"""What is decided about a statement, in a few words."""

from ctxrace.core.statement import CodeCompared, Decision, Evidence, NoPath, RunLength, States
from ctxrace.report.sentences.run import run_length

__all__ = ["decision_phrase", "evidence_phrase", "missing_phrase"]


def decision_phrase(decision: Decision, *, outcome: bool = True) -> str:
    """Return the answer; outcome: with what is found of the outcome."""
    step = f" at {decision.step}" if decision.step else ""
    tail = f"; outcome {decision.outcome}" if outcome and decision.outcome else ""
    return f"{decision.ruling}{step}{tail}"


def evidence_phrase(evidence: Evidence | None) -> str:
    """Return what shows the answer."""
    match evidence:
        case None:
            return ""
        case States(number):
            return f"{number:,} states"
        case RunLength(switches, events):
            return run_length(switches, events)
        case NoPath():
            return "no path avoids it"
        case CodeCompared(same, other):
            parts = {"the same": same, "other": other}
            return ", ".join(f"{' '.join(levels)}: {which} code" for which, levels in parts.items() if levels)


def missing_phrase(compiler: str) -> str:
    """Return that `compiler` is missing."""
    return f"{compiler} is not installed"
