"""KTAP, version 1: what kselftest and KUnit print (Linux Documentation/dev-tools/ktap.rst)."""

from collections.abc import Iterator, Sequence

from ctxrace.core.suite.trial import Check, Trial
from ctxrace.report.formats.story import drawn, message
from ctxrace.report.layout import ascii_only, clean
from ctxrace.report.sentences.reason import reason_sentence

__all__ = ["render_ktap"]

_VERSION = "KTAP version 1"


def render_ktap(found: Sequence[Trial]) -> str:
    """Write a test for each file or guard, with a subtest for each property, in ASCII.

    What is not decided is ``not ok`` with the directive ``ERROR``. Returns the text, with a newline at its end.
    """
    lines = [_VERSION, f"1..{len(found)}"]
    for number, one in enumerate(found, 1):
        lines += _test(number, one)
    return "".join(f"{line}\n" for line in lines)


def _test(number: int, one: Trial) -> Iterator[str]:
    if one.checks:
        yield f"  {_VERSION}"
        yield f"  1..{len(one.checks)}"
        for index, check in enumerate(one.checks, 1):
            yield from (f"  {line}" for line in _subtest(index, check, one))
    name = _description(one.name)
    if one.error:
        yield f"not ok {number} {name} # ERROR {_data(one.error)}"
    elif not one.checks:
        yield f"not ok {number} {name} # ERROR nothing was checked: no property is declared"
    else:
        undecided = not one.as_expected and not one.unlike
        yield f"{'ok' if one.as_expected else 'not ok'} {number} {name}{' # ERROR incomplete' if undecided else ''}"


def _subtest(number: int, check: Check, one: Trial) -> Iterator[str]:
    text = message(check, one)
    if text:
        yield f"# {_data(text)}"
    if not check.as_expected:
        yield from (f"# {ascii_only(line)}".rstrip() for line in drawn(check, one).splitlines())
    result = "ok" if check.as_expected else "not ok"
    why = reason_sentence(check.reason) if check.reason else "incomplete"
    error = f" # ERROR {_data(why)}" if check.undecided else ""
    yield f"{result} {number} {_description(check.name)}{error}"


def _description(name: str) -> str:
    """Return a name as a description may be: the sign # would end it."""
    return _data(name).replace("#", "_")


def _data(text: str) -> str:
    return ascii_only(clean(text))
