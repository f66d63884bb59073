"""Workflow commands of GitHub Actions, which show what is wrong beside the lines of a pull request.

Their escapes are those of actions/toolkit, packages/core/src/command.ts.
"""

from collections.abc import Iterator, Sequence

from ctxrace.core.suite.trial import Check, Trial
from ctxrace.report.formats.story import counts, drawn, message, place
from ctxrace.report.layout import clean, printable

__all__ = ["render_github"]


def render_github(found: Sequence[Trial]) -> str:
    """Write an error for what contradicts expectations, a warning for what is not decided, and how many there are.

    Returns the text, with a newline at its end. No line begins with anything that comes from a file.
    """
    lines = [line for one in found for line in _lines(one)]
    checks, unlike, undecided = counts(found)
    lines.append(f"ctxrace: {checks} checks, {unlike} not as expected, {undecided} not decided")
    return "".join(f"{line}\n" for line in lines)


def _lines(one: Trial) -> Iterator[str]:
    for check in one.checks:
        if not check.as_expected:
            yield _command(check, one)
    if one.error:
        level = "error" if one.bad_input else "warning"
        yield f"::{level} title={_property(one.name)}::{_data(one.error)}"
    elif not one.checks:
        yield f"::warning title={_property(one.name)}::nothing was checked: no property is declared"


def _command(check: Check, one: Trial) -> str:
    where = place(check)
    named = {} if where is None else {"file": where.file, "line": str(where.line)}
    facts = {**named, "title": f"{one.name}: {check.name}"}
    words = ",".join(f"{name}={_property(value)}" for name, value in facts.items())
    text = f"{message(check, one)}\n\n{drawn(check, one)}".rstrip()
    return f"::{'warning' if check.undecided else 'error'} {words}::{_data(text)}"


def _data(text: str) -> str:
    return printable(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(clean(text)).replace(":", "%3A").replace(",", "%2C")
