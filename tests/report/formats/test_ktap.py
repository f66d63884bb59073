"""KTAP: a golden file, and a strict reader finds in it what was found."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings

from ctxrace.core.suite.trial import Trial, trial_of
from ctxrace.core.verdict import Result
from ctxrace.report.formats.ktap import render_ktap

from ..test_text import results
from .cases import found, hostile
from .ktap_reader import read_ktap


def test_golden(golden: Callable[[str, str], None]) -> None:
    golden("ktap.txt", render_ktap(found()))


def test_a_reader_finds_every_result() -> None:
    tests = read_ktap(render_ktap(found()))
    assert [(test.name, test.ok, test.directive) for test in tests] == [
        ("guard.c", False, None),
        ("fixed.c", True, None),
        ("known.c", True, None),
        ("mended.c", False, None),
        ("broken.c", False, "ERROR"),
        ("late.c", False, "ERROR"),
        ("empty.c", False, "ERROR"),
    ]
    exclusive, progress, recovers = tests[0].subtests
    assert (exclusive.ok, exclusive.directive, len(exclusive.diagnostics) > 10) == (False, None, True)
    assert (progress.ok, progress.diagnostics) == (True, [])
    assert (recovers.ok, recovers.directive) == (False, "ERROR")
    assert recovers.data == "the limit of 1,000,000 states is reached"


def test_hostile_names_stay_within_their_lines() -> None:
    tests = read_ktap(render_ktap(hostile()))
    assert [test.name for test in tests] == ["a _1 <script>&\"'%0A::error,x?[31m ??.c"] * 2


@settings(max_examples=30, deadline=None)
@given(results)
def test_any_result_can_be_read(shown: Result) -> None:
    (test,) = read_ktap(render_ktap([trial_of(shown.case, shown)]))
    assert len(test.subtests) == len(shown.verdicts)


def test_nothing_tested() -> None:
    assert read_ktap(render_ktap([])) == []
    assert not read_ktap(render_ktap([Trial("a.c")]))[0].ok


@pytest.mark.parametrize(
    "text",
    [
        "1..0\n",
        "KTAP version 1\n",
        "KTAP version 1\n1..1\nok 2 a\n",
        "KTAP version 1\n1..1\nok 1 a\nok 2 b\n",
        "KTAP version 1\n1..1\nok 1 a # ERROR why\n",
        "KTAP version 1\n1..1\n  KTAP version 1\n  1..1\n  not ok 1 a\nok 1 b\n",
        "KTAP version 1\n1..1\nunknown\nok 1 a\n",
    ],
)
def test_the_reader_is_strict(text: str) -> None:
    with pytest.raises((ValueError, IndexError)):
        read_ktap(text)
