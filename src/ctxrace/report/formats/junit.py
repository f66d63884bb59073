"""JUnit XML, as CI servers read it: a test suite for each file or guard, a test case for each property."""

import xml.etree.ElementTree as Xml
from collections.abc import Sequence

from ctxrace.core.suite.trial import Check, Trial
from ctxrace.report.formats.story import counts, drawn, message, scenario
from ctxrace.report.layout import clean, printable

__all__ = ["render_junit"]


def render_junit(found: Sequence[Trial]) -> str:
    """Write what was tested as JUnit XML. What is not decided is an error, what contradicts expectations a failure.

    Returns the text, with a newline at its end; it has no character that XML 1.0 does not allow.
    """
    root = Xml.Element("testsuites", {"name": "ctxrace", **_numbers(found)})
    for one in found:
        root.append(_suite(one))
    Xml.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + Xml.tostring(root, encoding="unicode") + "\n"


def _numbers(found: Sequence[Trial]) -> dict[str, str]:
    tests, failures, errors = counts(found)
    seconds = sum(_seconds(one) for one in found)
    return {
        "tests": str(tests),
        "failures": str(failures),
        "errors": str(errors),
        "skipped": "0",
        "time": f"{seconds:.3f}",
    }


def _seconds(one: Trial) -> float:
    """Return what the search of a result took, which decides all its properties at once."""
    return max((check.verdict.seconds for check in one.checks if check.verdict), default=0.0)


def _suite(one: Trial) -> Xml.Element:
    suite = Xml.Element("testsuite", {"name": clean(one.name), **_numbers([one])})
    if scenario(one):
        properties = Xml.SubElement(suite, "properties")
        facts = {"command": one.command, "scenario": scenario(one)}
        for name, value in facts.items():
            Xml.SubElement(properties, "property", {"name": name, "value": clean(value)})
    for check in one.checks:
        suite.append(_case(check, one))
    if one.error or not one.checks:
        case = Xml.SubElement(suite, "testcase", {"classname": clean(one.name), "name": "decided", "time": "0.000"})
        why = one.error or "nothing was checked: no property is declared"
        kind = "bad input" if one.bad_input else "incomplete"
        Xml.SubElement(case, "error", {"type": kind, "message": clean(why)})
    return suite


def _case(check: Check, one: Trial) -> Xml.Element:
    seconds = f"{check.verdict.seconds if check.verdict else 0.0:.3f}"
    case = Xml.Element("testcase", {"classname": clean(one.name), "name": clean(check.name), "time": seconds})
    text = message(check, one)
    if not check.as_expected:
        kind = "error" if check.undecided else "failure"
        broken = Xml.SubElement(case, kind, {"type": str(check.outcome), "message": text})
        broken.text = printable(drawn(check, one)) or None
    elif text:
        Xml.SubElement(case, "system-out").text = text
    return case
