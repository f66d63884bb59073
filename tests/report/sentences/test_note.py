"""A check that fails, in the words of the line that it stands in."""

import pytest

from ctxrace.core.source import Source
from ctxrace.report.sentences.note import check_phrase


@pytest.mark.parametrize(
    ("condition", "line", "text"),
    [
        ("x == 1", "ctxrace_check(x == 1);", "a.c:7: ctxrace_check(x == 1) is false"),
        ("x == 1", "assert_one();", "a.c:7: assert_one(): x == 1 is false"),
        ("!(x != f(1))", "WARN_ON(x != f(1));", "a.c:7: WARN_ON(x != f(1)): the condition is true"),
        ("!(x != 1)", "warn();", "a.c:7: warn(): x != 1 is true"),
        ("!(x) || !(y)", "check();", "a.c:7: check(): !(x) || !(y) is false"),
        ("!(x", "check();", "a.c:7: check(): !(x is false"),
        ("!x", "check();", "a.c:7: check(): !x is false"),
        ("", "check();", "a.c:7: check(): is false"),
    ],
)
def test_a_check_that_fails(condition: str, line: str, text: str) -> None:
    assert check_phrase(condition, Source("dir/a.c", 7, line)) == text
