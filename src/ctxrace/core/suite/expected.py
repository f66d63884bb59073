"""What a file says of itself."""

from dataclasses import dataclass

from ctxrace.core.source import Source
from ctxrace.core.verdict import Outcome, Verdict

__all__ = ["Expected"]


@dataclass(frozen=True, slots=True)
class Expected:
    """What a file says of itself: the outcome of one property, or of all of one kind.

    property: a kind (``exclusive``), or a kind with its subjects (``exclusive(body)``). source: where it says so.
    """

    property: str
    outcome: Outcome
    source: Source

    def is_about(self, verdict: Verdict) -> bool:
        """Return whether it speaks of the property of `verdict`."""
        return self.property in (verdict.property.kind, str(verdict.property))
