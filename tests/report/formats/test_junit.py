"""JUnit XML: a golden file, and a reader that CI servers' users take finds in it what was found."""

import xml.etree.ElementTree as Xml
from collections.abc import Callable

from hypothesis import given, settings
from junitparser import Error, Failure, JUnitXml

from ctxrace.core.suite.trial import trial_of
from ctxrace.core.verdict import Result
from ctxrace.report.formats.junit import render_junit

from ..test_text import results
from .cases import found, hostile


def test_golden(golden: Callable[[str, str], None]) -> None:
    golden("junit.xml", render_junit(found()))


def test_a_reader_finds_every_result() -> None:
    document = JUnitXml.fromstring(render_junit(found()).encode())
    assert (document.tests, document.failures, document.errors, document.skipped) == (9, 2, 4, 0)
    seen = {
        suite.name: [(case.name, [(type(each), each.type) for each in case.result]) for case in suite]
        for suite in document
    }
    assert seen == {
        "guard.c": [
            ("exclusive(body)", [(Failure, "violated")]),
            ("progress(attempt, body)", []),
            ("recovers(attempt, body)", [(Error, "incomplete")]),
        ],
        "fixed.c": [("exclusive(body)", [])],
        "known.c": [("balanced(active)", [])],
        "mended.c": [("exclusive(body)", [(Failure, "holds")])],
        "broken.c": [("decided", [(Error, "bad input")])],
        "late.c": [("decided", [(Error, "incomplete")])],
        "empty.c": [("decided", [(Error, "incomplete")])],
    }
    for suite in document:  # the numbers that a server shows are those of the cases
        cases = list(suite)
        kinds = [type(each) for case in cases for each in case.result]
        assert (suite.tests, suite.failures, suite.errors) == (len(cases), kinds.count(Failure), kinds.count(Error))


def test_hostile_names_are_text() -> None:
    root = Xml.fromstring(render_junit(hostile()))
    assert [suite.get("name") for suite in root] == ["a #1 <script>&\"'%0A::error,x�[31m ��.c"] * 2
    assert root.find(".//script") is None


@settings(max_examples=30, deadline=None)
@given(results)
def test_any_result_is_xml(shown: Result) -> None:
    root = Xml.fromstring(render_junit([trial_of(shown.case, shown)]).encode("utf-8"))
    assert len(root.findall("testsuite/testcase")) == max(len(shown.verdicts), 1)
