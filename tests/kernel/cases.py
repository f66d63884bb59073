"""What tests of small C programs share: compile one, check it, and say what was found in a few words."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ctxrace.core.verdict import Outcome, Result, Verdict
from ctxrace.kernel.check import check
from ctxrace.kernel.program import Program, load
from ctxrace.kernel.rules.contexts import Level
from ctxrace.kernel.scenario import Handler
from ctxrace.report.sentences.ending import ending_sentence

__all__ = ["RT", "Build", "Cases", "ending", "handlers", "length", "verdict"]

Build = Callable[..., Program]
RT = "#define CTXRACE_PREEMPT_RT 1\n"


class Cases:
    """Compile C texts in `folder`, each once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.programs: dict[tuple[str, str], Program] = {}

    def program(self, text: str, head: str = "") -> Program:
        """Return the C `text` compiled, `head` in front of the headers."""
        if (text, head) not in self.programs:
            path = self.folder / f"case{len(self.programs)}.c"
            path.write_text(f"{head}\n#include <ctxrace/kernel.h>\n{text}", encoding="utf-8")
            self.programs[text, head] = load(path, cache=self.folder)
        return self.programs[text, head]

    def check(self, text: str, head: str = "", **changes: Any) -> Result:  # noqa: ANN401
        """Return what is found of the C `text`, its declared scenario changed."""
        program = self.program(text, head)
        return check(program, replace(program.scenario, **changes))

    def found(self, text: str, name: str = "check", head: str = "", **changes: Any) -> tuple[int, int] | str | None:  # noqa: ANN401
        """Return None where the property `name` holds, (switches, events) where it is violated, or `incomplete`."""
        return length(self.check(text, head, **changes), name)


def verdict(result: Result, name: str) -> Verdict:
    """Return the verdict about the property `name`."""
    return next(found for found in result.verdicts if str(found.property) == name)


def length(result: Result, name: str = "check") -> tuple[int, int] | str | None:
    """Return None where the property `name` holds, (switches, events) where it is violated, or `incomplete`."""
    found = next((found for found in result.verdicts if str(found.property) == name), None)
    if found is None:
        assert name in ("sleep", "fault", "restored"), f"{name} is not decided"
        return None  # these are only spoken of where they are violated
    if found.interleaving is None:
        return None if found.outcome is Outcome.HOLDS else "incomplete"
    return found.interleaving.switches, len(found.interleaving.events)


def ending(result: Result, name: str) -> str:
    """Return what the violation of `name` ends with."""
    interleaving = verdict(result, name).interleaving
    assert interleaving is not None
    return "; ".join(map(ending_sentence, interleaving.endings))


def handlers(**entries: str) -> tuple[Handler, ...]:
    """Return the handlers, given as level=entry."""
    return tuple(Handler(Level[level.upper()], entry) for level, entry in entries.items())
