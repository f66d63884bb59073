"""Bring what a C file expects of itself up to what was found, in its own text."""

import os
import re
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from tempfile import NamedTemporaryFile

from ctxrace.core.errors import CtxraceError, OutputError, ScenarioError
from ctxrace.core.suite.expected import Expected
from ctxrace.core.suite.trial import Check, Trial, trial_of
from ctxrace.kernel.program import Build
from ctxrace.kernel.suite.check import Spell
from ctxrace.machine.build.replacing import replace_file

__all__ = ["bring_up_to_date", "updated"]

_LINE = re.compile(rb"CTXRACE_EXPECT\s*\(\s*(?P<property>\w+\s*(?:\([^()]*\))?)\s*,\s*(?P<outcome>\w+)\s*\)")


def updated(trial: Trial, build: Build) -> bytes | None:
    """Return the text of the trial's file in which CTXRACE_EXPECT says what was found; None where it does so already.

    Only what was decided changes it. An expectation is given its new outcome where it stands; where there is none, or
    where it is also about properties that are as it says, a new line comes to the end of the file.

    Raises `ScenarioError` where the file cannot be changed so that all its expectations are met: one stands in another
    file, or is made by a macro.
    """
    wrong = [check for check in trial.checks if not (check.as_expected or check.undecided)]
    if not wrong or trial.result is None:
        return None
    path = Path(trial.name)
    text = path.read_bytes()
    new = _with_expectations(text, trial, wrong)
    expected = _expectations_in(new, path, build)
    found = trial_of(trial.name, trial.result, expected or ())
    if expected is None or any(not (check.as_expected or check.undecided) for check in found.checks):
        names = ", ".join(check.name for check in wrong)
        raise ScenarioError(
            f"{trial.name} cannot be brought up to what was found of {names}: the expectation is in another file, or "
            "made by a macro; change it there"
        )
    return new


def bring_up_to_date(trial: Trial, build: Build, spell: Spell = str) -> tuple[Trial, bool]:
    """Write what was found into the trial's file, whole or not at all; return the trial with that, and whether it was.

    spell: of a file that cannot be brought up to it, which then is the trial's error. Raises `OutputError` where the
    file cannot be written.
    """
    try:
        text = updated(trial, build)
        if text is None:
            return trial, False
        if not os.access(trial.name, os.W_OK):
            raise OutputError(f"cannot update {trial.name}: it may not be written; it is as it was")
        replace_file(Path(os.path.realpath(trial.name)), text)
    except ScenarioError as error:
        return replace(trial, error=error.spelled(spell), bad_input=True), False
    except OSError as error:
        raise OutputError(f"cannot update {trial.name}: {error.strerror}; it is as it was") from None
    met = tuple(one if one.undecided else replace(one, expected=one.outcome) for one in trial.checks)
    return replace(trial, checks=met), True


def _with_expectations(text: bytes, trial: Trial, wrong: list[Check]) -> bytes:
    about: dict[int, list[Check]] = defaultdict(list)
    for check in trial.checks:
        if check.source is not None:
            about[check.source.line].append(check)
    added: list[Check] = []
    for check in wrong:
        line = 0 if check.source is None else check.source.line
        same = all(other.outcome is check.outcome for other in about[line])
        changed = _changed(text, line, check) if line and same else None
        if changed is None:
            added.append(check)
        else:
            text = changed
    end = b"\r\n" if b"\r\n" in text else b"\n"
    if added and text and not text.endswith(b"\n"):
        text += end
    return text + b"".join(f"CTXRACE_EXPECT({one.name}, {one.outcome});".encode() + end for one in added)


def _changed(text: bytes, line: int, check: Check) -> bytes | None:
    """Return `text` with the outcome of `check` in the expectation on this line; None where none is seen there."""
    start = sum(len(one) for one in text.split(b"\n")[: line - 1]) + line - 1
    for found in _LINE.finditer(text, start):
        if text.count(b"\n", start, found.start()):
            return None  # on a later line
        name = re.sub(r"\s+", "", found["property"].decode("utf-8", "replace"))
        if name in (re.sub(r"\s+", "", check.name), check.name.partition("(")[0]):
            return text[: found.start("outcome")] + str(check.outcome).encode() + text[found.end("outcome") :]
    return None


def _expectations_in(text: bytes, path: Path, build: Build) -> tuple[Expected, ...] | None:
    """Return what a file beside `path` with this text would expect; None where it cannot be compiled."""
    with NamedTemporaryFile(prefix=f".{path.stem[:100]}-", suffix=path.suffix, dir=path.parent) as beside:
        beside.write(text)
        beside.flush()
        try:
            return build.load(beside.name).scenario.expected
        except CtxraceError:
            return None
