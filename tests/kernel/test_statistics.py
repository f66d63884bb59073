"""Variables that only count are left out of states; what others do stays the same."""

from typing import Any

import pytest

from ctxrace.core.errors import ScenarioError
from ctxrace.core.facts.remark import StatisticsLeftOut
from ctxrace.core.verdict import Outcome, Result

from .cases import Cases, handlers, length

COUNTS = """
int active;
%s
static noinline void body(void) { barrier(); }
void e(void)
{
	if (__atomic_add_fetch(&active, 1, __ATOMIC_RELAXED) == 1)
		body();
	else { %s; }
	__atomic_sub_fetch(&active, 1, __ATOMIC_RELAXED);
}
CTXRACE_TASKS(3, e); CTXRACE_NMI(e);
CTXRACE_EXCLUSIVE(body); CTXRACE_BALANCED(active); CTXRACE_PROGRESS(e, body);
"""
STATISTIC = "CTXRACE_STATISTIC(misses);"
LSE = "#define CTXRACE_LSE 1\n"


def numbers(result: Result) -> list[tuple[str, Outcome, int, int, object]]:
    return [(str(v.property), v.outcome, v.states, v.transitions, length(result, str(v.property)))
            for v in result.verdicts]  # fmt: skip


@pytest.mark.parametrize(
    ("variable", "count"),
    [
        ("unsigned long misses;", "misses++"),
        ("DEFINE_PER_CPU(int, misses);", "__this_cpu_inc(misses)"),
        ("DEFINE_PER_CPU(u64, misses);", "__this_cpu_add(misses, 3)"),
        ("struct { int a, b; } misses;", "misses.a++; misses.b--"),
    ],
)
def test_a_search_with_a_statistic_is_the_one_without_the_variable(cases: Cases, variable: str, count: str) -> None:
    # A counter that nobody resets would have a state for each of its values.
    plain = cases.check(COUNTS % ("int misses;", "barrier()"), LSE)
    counting = cases.check(COUNTS % (variable, count) + STATISTIC, LSE)
    assert numbers(counting) == numbers(plain)
    assert counting.notes == (StatisticsLeftOut(("misses",)),)


def test_a_statistic_reads_as_at_the_start(cases: Cases) -> None:
    text = """
        int misses = 7, x;
        void e(void) { misses++; barrier(); ctxrace_check(READ_ONCE(misses) == %d); WRITE_ONCE(x, 0); }
        CTXRACE_TASKS(2, e); CTXRACE_STATISTIC(misses);"""
    assert cases.found(text % 7) is None
    assert cases.found(text % 8) == (0, 0)


def test_neighbours_of_a_statistic_are_seen(cases: Cases) -> None:
    # str before | nmi ldr; and it says nothing of `misses`
    text = """
        int before, misses, after;
        void e(void) { before = 1; misses = 2; after = 3; barrier(); before = 0; misses = 0; after = 0; }
        void look(void) { ctxrace_check(!READ_ONCE(%s)); }
        CTXRACE_TASKS(1, e); CTXRACE_STATISTIC(misses);"""
    nmi: dict[str, Any] = {"handlers": handlers(nmi="look")}
    assert cases.found(text % "misses", **nmi) is None
    for name in ("before", "after"):
        found = cases.found(text % name, **nmi)
        assert isinstance(found, tuple)
        assert found[0] == 1


@pytest.mark.parametrize(
    ("lines", "telling"),
    [
        ("CTXRACE_STATISTIC(misses); CTXRACE_BALANCED(misses);", "misses is declared a statistic"),
        ("CTXRACE_STATISTIC(e);", "'e'"),
        ("CTXRACE_STATISTIC(limit);", "limit"),
    ],
)
def test_what_cannot_be_a_statistic_is_named(cases: Cases, lines: str, telling: str) -> None:
    text = "const int limit = 3; int misses; void e(void) { misses++; } CTXRACE_TASKS(2, e);"
    with pytest.raises(ScenarioError, match=telling):
        cases.check(text + lines)
