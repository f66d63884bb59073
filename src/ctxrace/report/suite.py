"""A suite: how many files are as expected, then one line for each; and the same facts as JSON."""

from collections.abc import Iterator, Sequence
from typing import Any

from ctxrace.core.suite.trial import Check, Trial
from ctxrace.report.formats.story import message
from ctxrace.report.json import fact, interleaving_facts, json_text, source_facts
from ctxrace.report.layout import clean
from ctxrace.report.sentences.reason import reason_sentence

__all__ = ["SCHEMA", "render_suite", "suite_to_json"]

SCHEMA = "ctxrace-suite/1"


def render_suite(found: Sequence[Trial]) -> str:
    """Write how many files are as expected, and for each file why it is not, with the command that shows it."""
    good, bad = sum(one.as_expected for one in found), sum(one.unlike or one.bad_input for one in found)
    rest = len(found) - good - bad
    parts = [f"{good} as expected"] + [f"{bad} not"] * bool(bad) + [f"{rest} not decided"] * bool(rest)
    lines = [f"{len(found)} file{'' if len(found) == 1 else 's'}: {', '.join(parts)}"]
    return "".join(f"{line}\n" for line in [*lines, *(line for one in found for line in _lines(one))])


def _lines(one: Trial) -> Iterator[str]:
    word = "ok" if one.as_expected else "not ok" if one.unlike or one.bad_input else "undecided"
    if one.error or not one.checks:
        yield f"{word:<9}  {clean(one.name)}: {clean(one.error) or 'nothing was checked: no property is declared'}"
        return
    wrong = [message(check, one) for check in one.checks if not check.as_expected]
    known = [message(check, one) for check in one.checks if check.as_expected and message(check, one)]
    number = len(one.checks)
    text = "; ".join(wrong or known) or ("1 property holds" if number == 1 else f"{number} properties hold")
    yield f"{word:<9}  {clean(one.name)}: {text}"
    if wrong and one.command:
        yield f"{'':<9}    {clean(one.command)}"


def suite_to_json(found: Sequence[Trial]) -> str:
    """Write the same facts as JSON, schema ``ctxrace-suite/1``."""
    return json_text({"schema": SCHEMA, "files": [_file(one) for one in found]})


def _file(one: Trial) -> dict[str, Any]:
    return {
        "file": one.name,
        "as_expected": None if one.undecided else one.as_expected,
        "error": one.error,
        "bad_input": one.bad_input,
        "properties": [_check(check) for check in one.checks],
        "command": one.command,
    }


def _check(check: Check) -> dict[str, Any]:
    why, run = check.reason, None if check.verdict is None else check.verdict.interleaving
    return {
        "property": check.name,
        "verdict": str(check.outcome),
        "expected": str(check.expected),
        "as_expected": None if check.undecided else check.as_expected,
        "declared": source_facts(check.source),
        "reason": None if why is None else fact(why, reason_sentence(why)),
        "interleaving": None if run is None else interleaving_facts(run),
    }
