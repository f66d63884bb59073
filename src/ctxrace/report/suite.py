"""A suite as plain text: how many files are as expected, then one line for each."""

from collections.abc import Iterator, Sequence

from ctxrace.core.suite.trial import Trial
from ctxrace.report.formats.story import message
from ctxrace.report.layout import clean

__all__ = ["render_suite"]


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
    wrong = [message(check) for check in one.checks if not check.as_expected]
    known = [message(check) for check in one.checks if check.as_expected and message(check)]
    number = len(one.checks)
    text = "; ".join(wrong or known) or ("1 property holds" if number == 1 else f"{number} properties hold")
    yield f"{word:<9}  {clean(one.name)}: {text}"
    if wrong and one.result is not None and one.result.command:
        yield f"{'':<9}    {clean(one.result.command)}"
