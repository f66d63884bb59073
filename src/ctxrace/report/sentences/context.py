"""What contexts are called in a text."""

import re

from ctxrace.core.turn import IDLE_TASK
from ctxrace.report.layout import clean

__all__ = ["context_name", "context_phrase"]

_INTERRUPT = re.compile(r"(softirq\d*|hardirq|nmi)(/\d+)?( .+)?", re.DOTALL)


def context_name(context: str) -> str:
    """Return the name of `context` as the kernel's documentation has it: ``NMI``, not ``nmi``."""
    return re.sub(r"^nmi\b", "NMI", clean(context))


def context_phrase(context: str) -> str:
    """Return `context` as a part of a sentence: ``task A``, ``the idle task``, ``hardirq``."""
    if context == IDLE_TASK:
        return "the idle task"
    interrupt = _INTERRUPT.fullmatch(context) or context.startswith("task ")
    return clean(context) if interrupt else f"task {clean(context)}"
